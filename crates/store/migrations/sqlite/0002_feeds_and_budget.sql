-- How changes of each object are noticed, what calls are spent, fields that are to be made, examinations; credentials keep the
-- epoch of the connect that gave them, which pausing and disconnecting leave alone.

alter table connection add column deliveries_used integer;
alter table connection add column deliveries_limit integer;
alter table connection add column api_share integer not null default 50;
alter table connection add column examination_requested integer not null default 0;
alter table connection add column examination text;

alter table credentials add column epoch integer not null default 0;
update credentials set epoch = coalesce((select c.epoch from connection c where c.id = credentials.connection_id), 0);

create table feed (
    connection_id text not null,
    object text not null,
    way text not null,
    reason text,
    since integer not null,
    expected_delay_ms integer not null,
    last_change_at integer,
    last_delay_ms integer,
    primary key (connection_id, object)
) strict;

create table api_call (
    connection_id text not null,
    hour integer not null,
    calls integer not null,
    primary key (connection_id, hour)
) strict;

create table wanted_field (
    connection_id text not null,
    object text not null,
    name text not null,
    label text not null,
    kind text not null,
    state text not null,
    detail text,
    primary key (connection_id, object, name)
) strict;
