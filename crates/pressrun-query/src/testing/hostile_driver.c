/* An ADBC driver that does what no driver should: which of it, the query says. Built by the tests. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct ArrowSchema { const char *format, *name, *metadata; int64_t flags, n_children; struct ArrowSchema **children, *dictionary; void (*release)(struct ArrowSchema *); void *private_data; };
struct ArrowArray { int64_t length, null_count, offset, n_buffers, n_children; const void **buffers; struct ArrowArray **children, *dictionary; void (*release)(struct ArrowArray *); void *private_data; };
struct ArrowArrayStream { int (*get_schema)(struct ArrowArrayStream *, struct ArrowSchema *); int (*get_next)(struct ArrowArrayStream *, struct ArrowArray *); const char *(*get_last_error)(struct ArrowArrayStream *); void (*release)(struct ArrowArrayStream *); void *private_data; };
struct AdbcError { char *message; int32_t vendor_code; char sqlstate[5]; void (*release)(struct AdbcError *); void *private_data, *private_driver; };

/* 62 places after the three private ones; those that are used have names. */
enum { DATABASE_INIT, DATABASE_NEW, DATABASE_SET_OPTION, DATABASE_RELEASE, CONNECTION_COMMIT, CONNECTION_GET_INFO, CONNECTION_GET_OBJECTS,
       CONNECTION_GET_TABLE_SCHEMA, CONNECTION_GET_TABLE_TYPES, CONNECTION_INIT, CONNECTION_NEW, CONNECTION_SET_OPTION, CONNECTION_READ_PARTITION,
       CONNECTION_RELEASE, CONNECTION_ROLLBACK, STATEMENT_BIND, STATEMENT_BIND_STREAM, STATEMENT_EXECUTE_QUERY, STATEMENT_EXECUTE_PARTITIONS,
       STATEMENT_GET_PARAMETER_SCHEMA, STATEMENT_NEW, STATEMENT_PREPARE, STATEMENT_RELEASE, STATEMENT_SET_OPTION, STATEMENT_SET_SQL_QUERY };
struct AdbcDriver { void *private_data, *private_manager; void *release; void *methods[25]; };

static char uri[4096], query[4096];
static const int OK = 0, INTERNAL = 9;

static void free_error(struct AdbcError *error) { free(error->message); error->message = NULL; error->release = NULL; }

static int fail(struct AdbcError *error, char *message) {
    if (error) { error->message = message; error->release = free_error; memset(error->sqlstate, 0, 5); error->vendor_code = 0; }
    return INTERNAL;
}

static int nothing(void *it, struct AdbcError *error) { (void)it; (void)error; return OK; }
static int connect_to(void *it, void *database, struct AdbcError *error) { (void)it; (void)database; (void)error; return OK; }
static int option(void *it, const char *key, const char *value, struct AdbcError *error) {
    (void)it; (void)error;
    if (strcmp(key, "uri") == 0) snprintf(uri, sizeof uri, "%s", value);
    return OK;
}
static int sql(void *it, const char *text, struct AdbcError *error) { (void)it; (void)error; snprintf(query, sizeof query, "%s", text); return OK; }

static int is(const char *word) { return strstr(query, word) != NULL; }

static void free_schema(struct ArrowSchema *it) { it->release = NULL; }
static void free_array(struct ArrowArray *it) { it->release = NULL; }
static void free_stream(struct ArrowArrayStream *it) { it->release = NULL; }
static const char *no_error(struct ArrowArrayStream *it) { (void)it; return NULL; }

static struct ArrowSchema text_schema, *schemas[1] = {&text_schema};
static int get_schema(struct ArrowArrayStream *it, struct ArrowSchema *out) {
    (void)it;
    text_schema = (struct ArrowSchema){.format = "u", .name = "v", .flags = 2, .release = free_schema};
    *out = (struct ArrowSchema){.format = "+s", .name = "", .n_children = 1, .children = schemas, .release = free_schema};
    return OK;
}

static int rows;
static char text[8192];
static int32_t offsets[2];
static const void *text_buffers[3], *no_buffers[1];
static struct ArrowArray text_array, *arrays[1] = {&text_array};
static int get_next(struct ArrowArrayStream *it, struct ArrowArray *out) {
    (void)it;
    if (is("'fails amid the rows'") && rows == 1) return 5;
    if (!is("'endless'") && rows++ > 0) { out->release = NULL; return OK; }
    snprintf(text, sizeof text, "one");
    if (is("'bad utf8'")) snprintf(text, sizeof text, "a\xff");
    if (is("'environment'")) {
        extern char **environ;
        text[0] = 0;
        for (char **each = environ; *each; each++) { strncat(text, *each, strcspn(*each, "=")); strcat(text, " "); }
    }
    offsets[0] = 0;
    offsets[1] = is("'far offset'") ? 1000000 : (int32_t)strlen(text);
    text_buffers[0] = NULL; text_buffers[1] = offsets; text_buffers[2] = text;
    no_buffers[0] = NULL;
    text_array = (struct ArrowArray){.length = 1, .n_buffers = 3, .buffers = text_buffers, .release = free_array};
    *out = (struct ArrowArray){.length = is("'short array'") ? 5 : 1, .n_buffers = 1, .n_children = 1, .buffers = no_buffers, .children = arrays, .release = free_array};
    return OK;
}

static int execute(void *it, struct ArrowArrayStream *out, int64_t *affected, struct AdbcError *error) {
    (void)it;
    if (is("'prints'")) { printf("{\"result\": \"a frame of its own\"}\n"); fflush(stdout); }
    if (is("'sleeps'")) sleep(600);
    if (is("'aborts'")) abort();
    if (is("'exits'")) exit(0);
    if (is("'quotes'")) { char *message = malloc(8192); snprintf(message, 8192, "cannot open %s", uri); return fail(error, message); }
    if (is("'long error'")) { char *message = malloc(50 << 20); memset(message, 'x', (50 << 20) - 1); message[(50 << 20) - 1] = 0; return fail(error, message); }
    if (is("'bad error'")) return fail(error, strdup("caf\xe9"));
    if (is("'null error'")) return fail(error, NULL);
    if (affected) *affected = -1;
    rows = 0;
    if (out) *out = (struct ArrowArrayStream){.get_schema = get_schema, .get_next = get_next, .get_last_error = no_error, .release = free_stream};
    return OK;
}

int AdbcDriverInit(int version, void *raw, struct AdbcError *error) {
    (void)error;
    if (version != 1000000) return 2;
    struct AdbcDriver *driver = raw;
    memset(driver, 0, sizeof *driver);
    driver->release = nothing;
    int plain[] = {DATABASE_INIT, DATABASE_NEW, DATABASE_RELEASE, CONNECTION_NEW, CONNECTION_RELEASE, STATEMENT_RELEASE, STATEMENT_PREPARE};
    for (unsigned each = 0; each < sizeof plain / sizeof *plain; each++) driver->methods[plain[each]] = nothing;
    driver->methods[DATABASE_SET_OPTION] = option;
    driver->methods[CONNECTION_INIT] = connect_to;
    driver->methods[STATEMENT_NEW] = connect_to;
    driver->methods[STATEMENT_SET_SQL_QUERY] = sql;
    driver->methods[STATEMENT_EXECUTE_QUERY] = execute;
    return OK;
}
