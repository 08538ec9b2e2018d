-- The first schema. Forward only: what is released here is never edited.
-- Times are milliseconds after 1970, flags are 0 or 1, JSON is text. Every row of a connection has the connection's id first
-- in its key, so that connections can be spread over several databases.

create table environment (
    id text not null primary key,
    name text not null unique,
    created_at integer not null,
    last_event_id integer not null default 0
) strict;

create table member (
    id text not null primary key,
    email text not null unique,
    name text not null,
    password_hash text not null,
    created_at integer not null
) strict;

create table session (
    token_hash blob not null primary key,
    member_id text not null,
    expires_at integer not null
) strict;
create index session_by_expiry on session (expires_at);

create table api_key (
    hash blob not null,
    kind text not null,
    environment_id text not null,
    created_at integer not null,
    primary key (hash, kind)
) strict;

create table authorization_request (
    state_hash blob not null primary key,
    environment_id text not null,
    session_hash blob not null,
    login_url text not null,
    verifier blob not null,
    expires_at integer not null
) strict;
create index authorization_request_by_expiry on authorization_request (expires_at);

create table profile (
    environment_id text not null,
    kind text not null,
    id text not null,
    attributes text not null,
    email text,
    search text not null,
    created_at integer not null,
    last_seen_at integer,
    revision integer not null,
    primary key (environment_id, kind, id)
) strict;
create index profile_by_creation on profile (environment_id, kind, created_at, id);
create index profile_by_email on profile (environment_id, kind, email) where email is not null;

create table membership (
    environment_id text not null,
    user_id text not null,
    company_id text not null,
    attributes text not null,
    created_at integer not null,
    primary key (environment_id, user_id, company_id)
) strict;
create index membership_by_company on membership (environment_id, company_id, user_id);

create table event (
    environment_id text not null,
    id integer not null,
    name text not null,
    time integer not null,
    created_at integer not null,
    attributes text not null,
    user_id text,
    company_id text,
    primary key (environment_id, id)
) strict;
create index event_by_user on event (environment_id, user_id, id) where user_id is not null;
create index event_by_company on event (environment_id, company_id, id) where company_id is not null;

create table attribute_definition (
    environment_id text not null,
    scope text not null,
    name text not null,
    display_name text not null,
    description text,
    data_type text not null,
    origin text not null,
    created_at integer not null,
    primary key (environment_id, scope, name)
) strict;

create table event_definition (
    environment_id text not null,
    name text not null,
    display_name text not null,
    description text,
    created_at integer not null,
    primary key (environment_id, name)
) strict;

create table connection (
    id text not null primary key,
    environment_id text not null unique,
    status text not null,
    detail text,
    epoch integer not null,
    org_id text not null,
    org text not null,
    connected_at integer not null,
    stream_state text not null,
    stream_since integer not null,
    stream_detail text,
    last_event_at integer,
    last_delay_ms integer,
    api_used integer,
    api_limit integer
) strict;
create unique index connection_by_org on connection (org_id) where status <> 'disconnected';

create table credentials (
    connection_id text not null primary key,
    sealed blob not null
) strict;

create table object_mapping (
    connection_id text not null,
    id text not null,
    version integer not null,
    position integer not null,
    paused integer not null,
    object text not null,
    profile_kind text not null,
    definition text not null,
    primary key (connection_id, id)
) strict;

create table object_schema (
    connection_id text not null,
    name text not null,
    object_schema text not null,
    primary key (connection_id, name)
) strict;

create table stream_position (
    connection_id text not null,
    stream text not null,
    position blob not null,
    primary key (connection_id, stream)
) strict;

create table lease (
    connection_id text not null primary key,
    node text,
    token integer not null,
    expires_at integer not null
) strict;

create table link (
    connection_id text not null,
    mapping_id text not null,
    profile_id text not null,
    match_key text,
    searched integer not null,
    candidates integer not null default 0,
    was_linked integer not null default 0,
    object text,
    record_id text,
    linked_at integer,
    primary key (connection_id, mapping_id, profile_id)
) strict, without rowid;
create index link_by_key on link (connection_id, mapping_id, match_key) where match_key is not null;
create index link_by_record on link (connection_id, record_id) where record_id is not null;
create index link_by_profile on link (connection_id, profile_id);

create table record (
    connection_id text not null,
    object text not null,
    record_id text not null,
    fields text not null,
    created_at integer not null,
    read_ms integer not null,
    commit_ms integer,
    commit_number integer,
    commit_sequence integer,
    stale integer not null,
    gone integer not null,
    revision integer not null,
    primary key (connection_id, object, record_id)
) strict;

create table due (
    connection_id text not null,
    mapping_id text not null,
    profile_id text not null,
    lane integer not null,
    generation integer not null,
    due_at integer not null,
    attempts integer not null,
    primary key (connection_id, mapping_id, profile_id)
) strict, without rowid;
create index due_by_time on due (connection_id, lane, due_at, mapping_id, profile_id);

create table sync_issue (
    connection_id text not null,
    id text not null,
    mapping_id text not null,
    profile_kind text not null,
    profile_id text not null,
    kind text not null,
    record_id text,
    field text,
    code text not null,
    cause text not null,
    remedy text not null,
    first_at integer not null,
    last_at integer not null,
    count integer not null,
    primary key (connection_id, id)
) strict;
create index sync_issue_by_item on sync_issue (connection_id, mapping_id, profile_id);
create index sync_issue_by_time on sync_issue (connection_id, last_at);
