-- How changes of each object are noticed, what calls are spent, fields that are to be made, examinations; credentials keep the
-- epoch of the connect that gave them, which pausing and disconnecting leave alone.

alter table connection add column deliveries_used bigint;
alter table connection add column deliveries_limit bigint;
alter table connection add column api_share bigint not null default 50;
alter table connection add column examination_requested bigint not null default 0;
alter table connection add column examination text;

alter table credentials add column epoch bigint not null default 0;
update credentials set epoch = coalesce((select c.epoch from connection c where c.id = credentials.connection_id), 0);

create table feed (
    connection_id text collate "C" not null,
    object text collate "C" not null,
    way text not null,
    reason text,
    since bigint not null,
    expected_delay_ms bigint not null,
    last_change_at bigint,
    last_delay_ms bigint,
    primary key (connection_id, object)
);

create table api_call (
    connection_id text collate "C" not null,
    hour bigint not null,
    calls bigint not null,
    primary key (connection_id, hour)
);

create table wanted_field (
    connection_id text collate "C" not null,
    object text collate "C" not null,
    name text collate "C" not null,
    label text not null,
    kind text not null,
    state text not null,
    detail text,
    primary key (connection_id, object, name)
);
