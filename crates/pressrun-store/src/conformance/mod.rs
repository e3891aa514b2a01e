//! What every store has to do, as tests; each is named by the rule that it holds to.
//!
//! `conformance_suite!(name, make)` makes a module of tests, each with a store of its own from `make`, an `async fn() -> (S, G)` where `S`
//! implements [`Store`](crate::Store) and `G` is kept until the test ends (a temporary folder, or `()`). Instants have whole microseconds,
//! which is what stores keep.
#![expect(clippy::expect_used, clippy::unwrap_used, reason = "tests")]

pub mod audiences;
pub mod audit;
pub mod catalogs;
pub mod claims;
pub mod consents;
pub mod figures;
pub mod keys;
pub mod ledger;
pub mod lists;
pub mod missed;
pub mod notices;
pub mod occurrences;
pub mod overdue;
pub mod people;
pub mod planning;
pub mod recipients;
pub mod retention;
pub mod saved;
pub mod sessions;
pub mod suppressions;
pub mod writes;

use pressrun_domain::audit::Verb;
use pressrun_domain::id::WorkerId;
use pressrun_domain::schedule::Schedule;

use crate::{ClaimedRun, Store, sample};

/// A saved schedule of this name.
async fn saved(store: &impl Store, name: &str) -> Schedule {
    insert(store, sample::schedule(name)).await
}

async fn insert(store: &impl Store, schedule: Schedule) -> Schedule {
    store.insert_schedule(&schedule, &sample::names(), &sample::change(Verb::ScheduleCreated)).await.expect("saved");
    schedule
}

/// The schedule as stored now.
async fn stored(store: &impl Store, schedule: &Schedule) -> Schedule {
    store.schedule(schedule.id).await.expect("readable").expect("there")
}

/// Claims one run at nine and a second, for five minutes.
async fn claim(store: &impl Store) -> ClaimedRun {
    let runs = store.claim(WorkerId::generate(), sample::after(1), sample::after(301), 1).await.expect("claimed");
    runs.into_iter().next().expect("a run to claim")
}

/// A saved schedule whose occurrence at nine is under way.
async fn started(store: &impl Store, schedule: Schedule) -> (Schedule, ClaimedRun) {
    let schedule = insert(store, schedule).await;
    sample::occur(store, &[&schedule], sample::after(0)).await;
    let run = claim(store).await;
    (schedule, run)
}

/// Makes one `#[tokio::test]` of each claim; see the module.
#[macro_export]
macro_rules! conformance_suite {
    ($name:ident, $make:path) => {
        mod $name {
            use super::*;
            $crate::conformance_suite! { @tests $make,
                saved: a_schedule_is_read_as_it_was_saved
                    d13_secrets_come_back_to_the_schedule_and_its_run_only
                    x10_a_stale_version_conflicts
                    replacing_keeps_the_last_run_and_the_day_it_was_made
                    p7_an_address_is_on_a_list_once
                    x9_runs_outlive_their_schedule
                    x9_a_waiting_run_of_a_deleted_schedule_ends
                    x9_a_deleted_schedule_stops_a_run_that_has_sent_nothing
                    x1_h11_schedules_are_found_by_what_they_stand_on;
                recipients: h6_lists_come_back_in_their_order_and_with_their_terms
                    h6_a_run_that_waits_keeps_its_list_but_for_who_left
                    h6_a_run_takes_nobody_along_who_left_since_its_list_was_read
                    h6_a_run_of_what_the_schedule_was_has_a_list_of_its_own
                    h6_a_resend_has_the_list_of_its_run
                    h6_pages_of_schedules_and_runs_read_no_recipients
                    p10_a_member_who_moved_is_on_every_list_at_the_present_address
                    p10_members_who_change_addresses_with_each_other_keep_their_places
                    p10_a_run_that_waits_keeps_the_address_that_it_had
                    p7_p12_two_places_of_one_person_are_left_at_once
                    p10_long_lists_and_many_lists_move_step_by_step
                    p10_members_on_lists_are_read_page_by_page;
                lists: the_list_has_the_contracts_order
                    the_list_pages_without_loss_or_repetition
                    nulls_stand_last_and_ties_go_by_id_in_both_directions
                    filters_narrow_one_by_one_and_together
                    d28_a_members_list_is_narrowed_and_sorted_by_what_is_told
                    the_search_finds_all_three_names_without_case
                    renamed_documents_and_owners_are_found_and_sorted_by_their_new_names
                    q6_the_list_counts_recipients_of_mail_only;
                missed: t12_t15_what_has_come_and_nobody_has_planned_is_told_when_a_schedule_is_left
                    h7_what_has_run_is_not_told_as_missed_by_a_clock_that_is_put_right
                    h7_t14_what_a_clock_that_was_ahead_told_as_missed_is_planned_again_from_the_first
                    h7_what_was_told_as_missed_by_a_clock_that_was_ahead_had_not_come
                    h7_i2_what_a_clock_that_was_ahead_skipped_as_overlap_is_yet_to_come;
                planning: i1_two_planners_make_one_run
                    i1_an_occurrence_that_exists_is_not_made_again
                    i6_an_occurrence_that_is_planned_from_a_backup_is_the_same_run
                    plan_leaves_an_edited_schedule_alone
                    only_active_schedules_are_due_and_the_most_overdue_first
                    equal_expressions_are_one_timing
                    i2_an_occurrence_beside_a_run_under_way_is_an_overlap
                    i2_two_instants_that_are_late_together_are_a_run_and_an_overlap
                    an_occurrence_that_somebody_saw_waiting_is_the_run_that_is_claimed
                    i3_an_occurrence_that_waits_to_be_claimed_is_a_run_in_progress
                    t14_h9_missed_occurrences_are_one_row_of_history_that_never_runs
                    t14_what_was_planned_a_day_ago_is_missed
                    t14_what_a_dead_planner_left_is_planned_with_what_came_after_it
                    a_schedule_says_when_it_runs_next_also_while_that_is_planned
                    t12_t15_what_is_planned_and_not_ready_is_taken_back_with_a_change
                    t12_what_is_ready_when_a_schedule_changes_is_a_run_of_what_it_was
                    i1_an_edit_just_when_a_schedule_is_due_loses_no_instant
                    h7_what_was_planned_beyond_the_present_is_planned_anew
                    h7_an_edit_after_the_clock_was_put_right_hides_nothing_that_is_to_be_planned_anew
                    h7_a_schedule_fires_from_where_somebody_made_it_what_it_is
                    h8_every_active_schedule_can_be_planned_anew_page_by_page
                    m10_a_schedule_that_cannot_be_planned_is_set_aside_once_and_told
                    m2_a_burst_of_one_owner_and_an_old_wait_let_others_go_first;
                occurrences: i3_a_manual_run_conflicts_with_one_under_way
                    i4_a_manual_run_leaves_the_timeline_alone
                    s8_tests_never_conflict
                    a_resend_is_a_run_of_its_own_with_its_piece
                    i3_a_piece_is_sent_again_once_at_a_time
                    history_is_newest_first_and_pages
                    d28_resends_are_listed_for_those_who_may_know_of_them
                    runs_of_many_schedules_are_told_at_once
                    m13_only_runs_that_count_are_among_the_last_endings
                    s8_tests_are_counted_by_owner_and_day;
                claims: claims_count_the_fence_and_keep_the_first_start
                    eight_claimers_get_each_of_400_runs_once
                    claims_go_round_by_owner
                    a_run_is_not_claimed_before_it_is_available
                    h4_m1_what_waits_at_a_receiver_is_called_up_when_there_is_room_or_comes_by_itself
                    a_lapsed_lease_is_claimed_again
                    a_renewed_lease_does_not_lapse
                    h1_handing_back_leaves_what_is_recorded_as_it_is
                    m8_only_what_brings_a_run_further_counts_as_progress
                    a_worker_that_lost_its_lease_writes_nothing
                    an_ended_run_takes_nothing_more
                    the_next_wake_is_the_earliest_of_queue_and_leases
                    l1_a_run_that_gives_way_comes_after_one_of_each_other_owner
                    l1_runs_of_busy_documents_wait
                    i1_a_worker_does_not_take_its_own_runs_over
                    i1_leases_are_left_alone_when_nobody_can_tell_them
                    t14_a_clock_that_was_set_back_holds_nothing_up
                    s5_a_queued_run_is_cancelled_at_once
                    s5_a_running_run_is_told;
                audiences: h13_the_pieces_of_an_audience_are_owed_once_it_is_done
                    i6_h13_whoever_goes_on_keeps_the_audiences_that_are_done;
                ledger: pieces_are_promised_once_and_in_order
                    i7_an_accepted_piece_is_never_tried_again
                    i6_promises_of_a_claim_that_died_are_forgotten_but_not_what_was_tried
                    owed_pieces_come_in_pages_in_the_order_promised
                    pieces_are_read_in_pages_those_that_failed_first
                    p4_pieces_are_counted_by_where_they_stand
                    attempts_are_counted_also_when_a_worker_died_in_one
                    what_is_still_owed_is_closed_with_the_run
                    s6_last_run_moves_only_at_the_end
                    d28_what_is_told_of_the_last_run_stands_beside_how_it_was
                    s8_a_test_leaves_no_trace_on_a_schedule
                    s12_what_happened_is_read_as_it_was_told
                    m7_what_is_told_of_a_run_is_added_and_lists_have_their_part_of_it
                    m15_what_attempts_taught_is_kept_with_them
                    a10_baselines_move_with_the_run
                    m15_a_run_killed_after_part_of_it_arrived_moves_its_baselines
                    a18_a_personal_baseline_moves_only_when_that_piece_was_accepted
                    a12_a_run_does_not_bring_back_a_baseline_that_an_edit_reset
                    a13_a_deleted_schedule_takes_its_baselines_along
                    x1_a_run_can_disable_its_schedule
                    x4_a_run_does_not_disable_what_was_edited_meanwhile
                    d7_a_learnt_host_key_is_pinned_once
                    a_character_that_a_database_does_not_take_loses_nothing_else;
                writes: what_is_sent_at_once_begins_with_its_promise
                    x9_nothing_begins_of_a_run_that_is_to_be_stopped
                    s1_the_answer_that_leaves_nothing_ends_the_run
                    s2_an_answer_does_not_end_a_run_of_which_more_is_to_be_told;
                catalogs: h12_a_process_with_files_of_before_brings_nothing_back
                    h12_a_process_that_is_gone_holds_nobody_up
                    h12_a_run_names_the_version_that_was_in_force
                    p7_a_published_version_is_in_force_whatever_is_in_folders
                    p7_what_the_files_of_a_publication_say_is_kept
                    p7_what_was_published_long_ago_is_forgotten;
                retention: h6_runs_go_by_age_with_all_that_was_known_of_them
                    h6_a_run_that_is_not_over_and_the_last_of_a_schedule_stay
                    h6_a_run_of_many_pieces_goes_in_steps
                    h6_definitions_go_with_the_last_that_names_them
                    h6_notices_go_by_age_but_not_what_is_owed_or_would_be_said_again
                    h10_an_artifact_is_kept_until_the_last_run_that_needed_it_is_old
                    h10_a_resend_of_a_forgotten_artifact_is_refused
                    h10_unknown_artifacts_are_told;
                people: p8_addresses_are_one_user_whatever_their_case
                    p8_attributes_are_merged_by_key
                    users_are_listed_by_address
                    p9_a_deleted_user_is_off_every_list
                    p12_the_lists_that_name_an_address_are_found_by_it
                    p12_unsubscribing_takes_one_address_off_one_list
                    p12_who_opted_out_is_off_the_list_and_out_of_its_groups
                    p12_a_copy_is_on_the_list_like_any_recipient
                    h6_who_leaves_a_list_is_off_the_runs_that_wait;
                notices: s10_a_notice_is_kept_once_and_claimed_by_one
                    s10_a_notice_whose_sender_died_is_tried_again_and_the_dead_settle_nothing
                    s10_a_notice_is_hidden_for_as_long_as_its_sender_says_that_it_lives
                    an_all_clear_never_comes_before_its_alarm
                    h4_notices_of_one_lane_are_claimed_and_looked_for_without_those_of_the_other
                    s10_a_notice_that_waits_for_an_older_one_is_not_looked_for_at_its_own_instant
                    s13_what_follows_from_a_lost_notice_is_kept_with_its_end
                    whoever_heard_of_a_failure_is_alarmed_until_the_all_clear
                    h3_an_alarm_of_which_no_notice_got_through_is_none
                    s10_notices_of_a_run_are_kept_with_its_end
                    x1_a_schedule_is_switched_off_with_its_notices_once
                    x5_a_schedule_is_switched_on_again_with_its_notices_once
                    x5_a_paused_schedule_that_is_switched_on_again_stays_paused
                    x1_a_run_says_that_its_schedule_is_off_only_when_it_switched_it_off;
                consents: c1_a_schedule_has_one_offer_the_newest
                    c1_an_agreed_owner_ends_offer_requests_and_baselines_in_one
                    c1_consents_go_with_their_schedule
                    c2_a_member_asks_once_until_it_lapses
                    c2_an_agreed_subscription_answers_its_request_once;
                suppressions: a_report_suppresses_the_address_that_the_piece_went_to
                    only_what_was_mailed_can_come_back
                    suppressions_are_listed_by_address_and_lifted_once
                    h3_an_address_leaves_an_entry_when_its_mail_ends_and_when_somebody_lifts_that;
                figures: o1_what_waits_is_counted_by_what_it_is_and_the_oldest_is_told
                    o1_what_is_owed_is_counted_and_what_is_late_of_it
                    o1_schedules_are_counted_by_whether_they_come_due
                    runs_of_all_schedules_are_listed_and_counted_by_how_they_stand;
                overdue: o2_what_nobody_planned_released_claimed_or_ended_is_late
                    o2_one_of_many_tells_once_and_again_when_it_is_over
                    o2_what_is_over_before_anybody_was_told_is_not_told
                    o2_what_is_no_longer_wanted_is_over
                    o2_tests_are_nobodys_alarm_and_a_clock_that_was_set_back_hides_nothing;
                keys: keys_are_found_by_their_hash_and_revoked_once;
                audit: h3_each_change_leaves_who_what_where_and_before_and_after
                    h3_a_change_that_fails_leaves_no_entry
                    h3_runs_users_keys_and_lists_leave_entries
                    h3_thirty_thousand_users_of_one_call_are_one_entry
                    h3_a_test_delivery_tells_to_whom_but_not_what_was_written
                    x1_h3_what_pressrun_switches_off_is_told
                    h3_the_audit_is_narrowed_and_paged
                    h3_entries_go_by_age_and_in_small_steps;
                sessions: m4_a_session_is_found_by_its_secret_with_the_key_that_opened_it
                    m4_a_revoked_key_takes_its_sessions_along
                    m4_uses_are_recorded_once_a_minute
                    m4_all_sessions_but_one_are_ended_together
                    m4_sessions_do_not_pile_up;
            }
        }
    };
    (@tests $make:path, $($module:ident: $($claim:ident)+;)+) => {$($(
        #[tokio::test]
        async fn $claim() {
            let (store, _kept) = $make().await;
            $crate::conformance::$module::$claim(&store).await;
        }
    )+)+};
}
