-- What the two sides of a link were set to last, and when.
alter table link add column last_synced text not null default '{"record_id":"","attributes":{},"fields":{}}';
