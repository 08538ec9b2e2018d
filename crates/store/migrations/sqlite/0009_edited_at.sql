-- When a mapping was made or edited last.
alter table object_mapping add column edited_at integer;
