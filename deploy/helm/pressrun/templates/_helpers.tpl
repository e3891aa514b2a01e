{{- define "pressrun.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "pressrun.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "pressrun.labels" -}}
{{ include "pressrun.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "pressrun.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}{{ default (include "pressrun.name" .) .Values.serviceAccount.name }}{{ else }}{{ default "default" .Values.serviceAccount.name }}{{ end }}
{{- end }}

{{- define "pressrun.check" -}}
{{- $ways := 0 -}}
{{- range list .Values.catalog.published .Values.catalog.volume .Values.catalog.git.repository }}{{ if . }}{{ $ways = add1 $ways }}{{ end }}{{ end -}}
{{- if ne (int $ways) 1 }}{{ fail "say where the catalog comes from: one of catalog.published, catalog.volume and catalog.git.repository" }}{{ end -}}
{{- if and .Values.catalog.published (ne .Values.mode "nodes") }}{{ fail "catalog.published is for mode nodes: a single pod has a folder" }}{{ end -}}
{{- if eq .Values.mode "nodes" -}}
{{- if not .Values.storeUrl }}{{ fail "mode nodes keeps its rows in PostgreSQL: set storeUrl to postgres://user@host:port/database" }}{{ end -}}
{{- if not (or .Values.state.existingClaim (regexMatch "(?m)^\\s*\\[artifacts\\]" .Values.config)) }}{{ fail "mode nodes keeps rendered files where all nodes reach them: write [artifacts] url in config, or set state.existingClaim to a claim that is ReadWriteMany" }}{{ end -}}
{{- else if .Values.storeUrl }}{{ fail "storeUrl is for mode nodes; with mode single the rows are a file" }}{{ end -}}
{{- if and .Values.ingress.enabled (not .Values.ingress.host) }}{{ fail "ingress.host is needed with ingress.enabled" }}{{ end -}}
{{- end }}

{{/* The pod of a role. Takes a dict: root, role, resources. */}}
{{- define "pressrun.pod" -}}
{{- $root := .root -}}
metadata:
  labels:
    {{- include "pressrun.labels" $root | nindent 4 }}
    app.kubernetes.io/component: {{ .role }}
    {{- with $root.Values.podLabels }}{{ toYaml . | nindent 4 }}{{ end }}
  annotations:
    checksum/config: {{ include (print $root.Template.BasePath "/config.yaml") $root | sha256sum }}
    {{- with $root.Values.podAnnotations }}{{ toYaml . | nindent 4 }}{{ end }}
spec:
  serviceAccountName: {{ include "pressrun.serviceAccount" $root }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ $root.Values.terminationGracePeriodSeconds }}
  {{- with $root.Values.imagePullSecrets }}
  imagePullSecrets: {{ toYaml . | nindent 4 }}
  {{- end }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 10001
    runAsGroup: 10001
    fsGroup: 10001
    fsGroupChangePolicy: OnRootMismatch
    seccompProfile: {type: RuntimeDefault}
  {{- if $root.Values.catalog.git.repository }}
  # The server starts with the catalog there, and the sidecar follows it from then on.
  initContainers:
    - name: git-sync-first
      {{- include "pressrun.gitSync" (dict "root" $root "once" true) | nindent 6 }}
  {{- end }}
  containers:
    - name: pressrun
      image: "{{ $root.Values.image.repository }}:{{ default $root.Chart.AppVersion $root.Values.image.tag }}"
      imagePullPolicy: {{ $root.Values.image.pullPolicy }}
      args: [serve, --log-json, --config, /etc/pressrun/pressrun.toml, --role, {{ .role }}]
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities: {drop: [ALL]}
      env:
        - {name: PRESSRUN_SERVER__LISTEN, value: "0.0.0.0:8080"}
        - {name: PRESSRUN_SERVER__ADMIN_LISTEN, value: "0.0.0.0:9090"}
        - {name: PRESSRUN_SERVER__PUBLIC_URL, value: {{ $root.Values.publicUrl | quote }}}
        - {name: PRESSRUN_SPOOL__PATH, value: /var/lib/pressrun/spool}
        - {name: PRESSRUN_SECRETS__KEYS_FILE, value: /run/secrets/pressrun/sealing-key}
        {{- if $root.Values.catalog.published }}
        - {name: PRESSRUN_CATALOG__SOURCE, value: published}
        {{- else }}
        - name: PRESSRUN_CATALOG__PATH
          value: {{ if $root.Values.catalog.git.repository }}{{ printf "/srv/catalog/current/%s" $root.Values.catalog.git.folder | trimSuffix "/" }}{{ else }}/srv/catalog{{ end }}
        {{- end }}
        {{- if eq $root.Values.mode "nodes" }}
        - {name: PRESSRUN_STORE__URL, value: {{ $root.Values.storeUrl | quote }}}
        {{- if $root.Values.storePassword }}
        - {name: PRESSRUN_STORE__PASSWORD_FILE, value: /run/secrets/pressrun/store-password}
        {{- end }}
        {{- else }}
        - {name: PRESSRUN_STORE__URL, value: "sqlite:///var/lib/pressrun/pressrun.db"}
        {{- end }}
        {{- with $root.Values.env }}{{ toYaml . | nindent 8 }}{{ end }}
      {{- with $root.Values.envFrom }}
      envFrom: {{ toYaml . | nindent 8 }}
      {{- end }}
      ports:
        {{- if ne .role "worker" }}
        - {name: http, containerPort: 8080}
        {{- end }}
        - {name: admin, containerPort: 9090}
      startupProbe:
        httpGet: {path: /readyz, port: admin}
        periodSeconds: 2
        failureThreshold: 150
      readinessProbe:
        httpGet: {path: /readyz, port: admin}
        periodSeconds: 10
        timeoutSeconds: 5
      livenessProbe:
        httpGet: {path: /healthz, port: admin}
        periodSeconds: 20
        timeoutSeconds: 5
        failureThreshold: 3
      resources: {{ toYaml .resources | nindent 8 }}
      volumeMounts:
        - {name: config, mountPath: /etc/pressrun, readOnly: true}
        - {name: secrets, mountPath: /run/secrets/pressrun, readOnly: true}
        {{- if not $root.Values.catalog.published }}
        - {name: catalog, mountPath: /srv/catalog, readOnly: true}
        {{- end }}
        - {name: state, mountPath: /var/lib/pressrun}
        - {name: temporary, mountPath: /tmp}
    {{- if $root.Values.catalog.git.repository }}
    - name: git-sync
      {{- include "pressrun.gitSync" (dict "root" $root "once" false) | nindent 6 }}
    {{- end }}
  volumes:
    {{- if $root.Values.catalog.git.secretName }}
    - name: git
      secret: {secretName: {{ $root.Values.catalog.git.secretName }}, defaultMode: 0440}
    {{- end }}
    - name: config
      configMap: {name: {{ include "pressrun.name" $root }}}
    - name: secrets
      secret: {secretName: {{ $root.Values.secretName }}, defaultMode: 0440}
    - name: temporary
      emptyDir: {}
    {{- if not $root.Values.catalog.published }}
    - name: catalog
      {{- if $root.Values.catalog.volume }}
      {{- toYaml $root.Values.catalog.volume | nindent 6 }}
      {{- else }}
      emptyDir: {}
      {{- end }}
    {{- end }}
    {{- if $root.Values.state.existingClaim }}
    - name: state
      persistentVolumeClaim: {claimName: {{ $root.Values.state.existingClaim }}}
    {{- else if eq $root.Values.mode "nodes" }}
    # A cache of the bucket.
    - name: state
      emptyDir: {sizeLimit: {{ $root.Values.state.size }}}
    {{- end }}
  {{- with $root.Values.nodeSelector }}
  nodeSelector: {{ toYaml . | nindent 4 }}
  {{- end }}
  {{- with $root.Values.tolerations }}
  tolerations: {{ toYaml . | nindent 4 }}
  {{- end }}
  {{- with $root.Values.affinity }}
  affinity: {{ toYaml . | nindent 4 }}
  {{- end }}
  {{- if eq $root.Values.mode "nodes" }}
  topologySpreadConstraints:
    - maxSkew: 1
      topologyKey: kubernetes.io/hostname
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "pressrun.selector" $root | nindent 10 }}
          app.kubernetes.io/component: {{ .role }}
  {{- end }}
{{- end }}

{{/* A container that follows the repository. Takes a dict: root, once. */}}
{{- define "pressrun.gitSync" -}}
{{- $git := .root.Values.catalog.git -}}
image: {{ $git.image }}
args:
  - --repo={{ $git.repository }}
  - --ref={{ $git.ref }}
  - --root=/srv/catalog
  - --link=current
  {{- if .once }}
  - --one-time
  {{- else }}
  - --period={{ $git.everySeconds }}s
  {{- end }}
  {{- if $git.secretName }}
  - --password-file=/run/secrets/git/password
env:
  - name: GITSYNC_USERNAME
    valueFrom: {secretKeyRef: {name: {{ $git.secretName }}, key: username}}
  {{- end }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
resources:
  requests: {cpu: 10m, memory: 32Mi}
  limits: {memory: 256Mi}
volumeMounts:
  - {name: catalog, mountPath: /srv/catalog}
  - {name: temporary, mountPath: /tmp}
  {{- if $git.secretName }}
  - {name: git, mountPath: /run/secrets/git, readOnly: true}
  {{- end }}
{{- end }}
