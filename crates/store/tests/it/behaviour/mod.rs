//! Behaviours of a store; each is a function that is given a fresh one.

mod association;
mod budget;
mod connecting;
mod environment;
mod examination;
mod feeds;
mod finish;
mod inquiry;
mod issues;
mod lease;
mod member;
mod news;
mod objects;
mod pausing;
mod profile;
mod rivals;
mod rules;
mod seen_from_outside;
mod standing;
mod summary;
mod wanted_fields;
mod work;

/// Runs behaviours on every kind of store.
macro_rules! on_every_store {
    ($($module:ident: $($name:ident),+;)+) => {
        $(mod $module {
            mod memory {
                $(#[tokio::test(flavor = "multi_thread")]
                async fn $name() {
                    crate::database::in_memory(crate::behaviour::$module::$name).await;
                })+
            }
            mod sqlite {
                $(#[tokio::test(flavor = "multi_thread")]
                async fn $name() {
                    crate::database::on_sqlite(crate::behaviour::$module::$name).await;
                })+
            }
            mod postgres {
                $(#[tokio::test(flavor = "multi_thread")]
                async fn $name() {
                    crate::database::on_postgres(crate::behaviour::$module::$name).await;
                })+
            }
        })+
    };
}

mod run {
    on_every_store! {
        summary:
            events_add_up_on_those_that_they_name,
            an_answer_makes_its_question_known,
            an_answer_that_looks_like_a_date_is_a_text_and_the_next_need_not_be_one,
            only_what_a_mapping_sends_is_made_due_by_an_event,
            being_seen_makes_due_only_where_that_is_mapped,
            what_happened_before_is_added_up_by_the_migration;
        standing:
            an_item_tells_its_link_and_what_it_waits_for,
            what_a_link_set_last_stands_with_the_item,
            associated_copies_stand_with_the_item,
            a_profile_that_is_to_be_synced_now_is_read_anew_on_both_sides,
            a_profile_that_no_mapping_covers_has_no_items,
            a_record_tells_who_is_linked_to_it;
        inquiry:
            an_inquiry_is_answered_once_and_gone_with_its_answer,
            nothing_of_an_inquiry_outlives_its_time_or_the_connection;
        association:
            a_record_that_is_needed_is_held_unread_until_it_is_read,
            news_that_comes_before_the_first_read_is_not_overwritten_by_it,
            a_change_of_an_associated_record_spreads_to_all_that_need_it,
            a_read_of_an_associated_record_spreads_what_it_found,
            an_overflow_makes_associated_copies_stale,
            what_is_written_to_an_associated_record_spreads,
            a_copy_that_nobody_needs_any_more_is_dropped,
            a_read_that_clears_a_doubt_spreads_to_those_that_are_not_due,
            deleting_the_mapping_ends_its_associations,
            what_is_not_covered_can_not_be_associated;
        connecting:
            a_fresh_store_has_the_environment_production,
            connecting_raises_the_epoch_and_the_work_signal,
            an_unknown_environment_can_not_be_connected,
            another_org_for_the_same_environment_is_refused,
            connecting_marks_all_profiles_with_a_key_due,
            connecting_again_fences_off_the_earlier_owner,
            credentials_are_replaced_only_under_their_epoch,
            disconnecting_a_connection_that_nobody_owns_ends_at_once,
            disconnecting_waits_for_the_owner_to_stop,
            disconnecting_ends_by_itself_when_the_owner_died,
            disconnecting_forgets_the_sync_and_keeps_mappings_and_values,
            a_disconnected_environment_collects_no_work,
            saving_a_mapping_makes_its_targets_known_and_marks_profiles_due,
            a_mapping_with_a_target_of_another_type_is_refused_whole,
            editing_the_match_rule_ends_links,
            editing_only_fields_keeps_links,
            deleting_a_mapping_takes_its_links_and_work,
            a_reconnect_request_keeps_everything;
        environment:
            attributes_become_known_by_their_first_value,
            a_misfit_changes_nothing,
            deleting_a_user_takes_memberships,
            joining_needs_both_sides,
            pruning_keeps_the_named_companies,
            a_deleted_and_recreated_profile_starts_over,
            an_id_with_a_zero_character_is_refused,
            events_become_known,
            saying_the_same_again_changes_nothing_but_the_time_seen;
        profile:
            profiles_are_listed_in_order_of_creation,
            a_page_after_and_a_page_before_a_profile,
            an_unknown_cursor_is_refused,
            search_looks_in_id_name_and_address_without_case,
            search_takes_wildcards_as_they_are,
            the_address_filter_compares_normal_forms,
            users_of_a_company;
        lease:
            a_lease_is_held_by_one_node,
            an_earlier_life_of_the_node_gives_way,
            an_expired_lease_can_be_taken_and_no_longer_used,
            every_leased_method_fails_without_effect_once_the_lease_is_lost,
            releasing_a_lost_lease_is_no_error,
            renewing_tells_the_api_usage,
            the_owner_says_what_the_stream_does;
        news:
            news_complete_the_held_copy_and_mark_the_linked_due,
            a_stale_or_deleted_copy_needs_a_call,
            older_and_confirming_news_mark_nobody,
            news_of_records_that_nobody_is_linked_to_are_dropped,
            a_key_that_appears_makes_others_look_again,
            a_resync_marks_copies_stale_and_profiles_due,
            the_position_moves_with_the_effects,
            losing_the_position_forgets_it_and_marks_everything,
            commits_may_be_numbered_anew_after_the_position_was_lost,
            the_newest_event_shows_on_the_connection;
        work:
            a_change_of_key_is_searched_again,
            concern_decides_the_lane,
            marking_again_raises_the_generation_and_keeps_the_higher_lane,
            the_longest_due_come_first_and_no_more_than_asked,
            paused_mappings_are_left_out,
            work_shows_both_sides,
            a_deleted_profile_is_due_without_its_side,
            reloading_gives_what_is_still_due,
            a_look_up_for_an_outdated_key_is_ignored,
            a_look_up_that_finds_nothing_ends_the_link_but_remembers_it,
            a_copy_without_links_is_dropped,
            the_one_last_seen_speaks,
            being_seen_makes_a_sharer_due,
            an_object_that_looks_otherwise_makes_all_that_have_a_key_due,
            a_look_up_that_casts_doubt_on_a_copy_concerns_all_that_are_linked_to_it,
            a_read_that_clears_a_doubt_concerns_those_that_are_not_due,
            reads_refresh_copies_and_missing_ones_are_gone,
            counting_stops_at_the_limit,
            marking_all_due_takes_all_with_a_key;
        finish:
            settling_takes_an_item_off_the_list,
            an_item_that_was_marked_meanwhile_stays_due,
            an_item_that_came_again_is_not_ended_by_its_earlier_life,
            settling_sets_attributes_without_marking_its_own_mapping,
            settling_marks_other_mappings_that_send_the_attribute,
            written_values_are_kept_unless_newer_news_is_held,
            written_values_tell_others_of_the_record,
            written_values_that_the_mapping_itself_reads_mark_its_item_again,
            unlinking_ends_the_link_and_drops_the_copy,
            a_settled_deleted_profile_leaves_nothing,
            a_call_that_is_needed_moves_the_item_to_the_other_lane,
            a_retry_waits_and_counts,
            issues_replace_what_was_and_count_repeats,
            many_items_are_finished_at_once;
        issues:
            issues_are_listed_newest_first_page_by_page,
            issues_are_grouped_by_what_they_have_in_common,
            issues_are_chosen_by_each_condition,
            search_takes_wildcards_and_zero_characters_as_they_are,
            retrying_makes_the_items_due_at_once_and_says_how_many,
            retrying_looks_up_again_what_a_look_up_told,
            retrying_asks_for_a_description_where_that_is_what_tells,
            thousands_are_retried_at_once;
        rivals:
            what_other_mappings_are_linked_to_is_told_whether_due_or_not,
            an_attribute_that_one_sets_makes_the_others_that_feed_it_due,
            a_rival_that_is_edited_or_deleted_leaves_its_attributes_to_the_others,
            a_new_order_makes_those_that_feed_together_due;
        member:
            a_member_signs_in_and_out,
            an_address_is_taken_once_in_any_case,
            a_session_ends_by_time,
            keys_open_their_environment,
            an_authorization_is_taken_once_and_in_time;
        feeds:
            a_feed_that_goes_on_as_it_was_keeps_its_time_and_what_was_noted,
            an_older_change_is_not_the_newest,
            disconnecting_forgets_feeds_and_sweeps,
            a_read_that_finds_a_copy_otherwise_marks_the_linked_and_is_told,
            a_read_that_finds_a_record_gone_marks_the_linked_and_is_told,
            a_field_that_was_not_known_is_taken_in_but_was_not_missed,
            a_stale_copy_was_not_missed_and_is_still_to_be_read,
            a_read_with_stamps_from_before_the_copy_has_it_read_again_if_they_differ,
            a_read_that_may_have_been_overtaken_proves_nothing,
            what_a_sweep_found_moves_with_its_mark_and_keys,
            a_large_sweep_is_one_transaction;
        budget:
            calls_are_counted_by_the_hour_and_forgotten_after_a_day,
            calls_of_several_owners_add_up_and_outlive_a_disconnection,
            renewing_tells_the_event_deliveries,
            a_lease_is_renewed_whatever_the_org_says_of_its_limits,
            the_share_is_between_one_and_a_hundred_percent;
        rules:
            every_change_of_what_work_is_planned_by_is_seen_at_once,
            what_changes_nothing_of_the_rules_leaves_them_as_they_are;
        wanted_fields:
            a_mapping_notes_the_fields_that_it_wants,
            saving_again_asks_again_for_what_was_refused,
            a_field_that_becomes_usable_marks_the_linked_of_all_mappings_that_write_to_it,
            what_is_looked_up_while_a_field_becomes_usable_is_planned_anew,
            a_field_that_is_not_wanted_any_more_is_forgotten,
            wanted_fields_outlive_a_disconnection_and_are_the_owners_to_tell_of;
        pausing:
            pausing_ends_the_owner_and_keeps_everything,
            a_paused_mapping_collects_changes_and_gives_no_work,
            resuming_goes_on_where_it_was,
            only_a_connection_that_works_can_be_paused,
            a_paused_connection_can_be_connected_again_or_disconnected,
            an_owner_whose_time_is_over_owns_nothing,
            a_renewed_grant_is_kept_while_pausing_or_disconnecting;
        examination:
            an_examination_is_asked_for_and_kept_in_place_of_the_last,
            what_is_not_connected_can_not_be_examined;
        objects:
            the_list_of_objects_is_kept_in_place_of_the_last,
            what_nobody_uses_is_forgotten,
            objects_are_the_owners_to_tell_of;
        seen_from_outside:
            secrets_are_sealed_in_the_database,
            an_org_that_another_environment_has_is_refused,
            everything_survives_reopening,
            another_process_is_noticed,
            a_waiter_is_woken_by_a_commit,
            parallel_writes_all_count;
    }
}
