-- The first schema. Forward only: what is released here is never edited.
-- Times are milliseconds after 1970, flags are 0 or 1, JSON is text. Every row of a connection has the connection's id first
-- in its key, so that connections can be spread over several databases. Keys are ordered byte by byte, as in SQLite.

create table environment (
    id text collate "C" not null primary key,
    name text not null unique,
    created_at bigint not null,
    last_event_id bigint not null default 0
);

create table member (
    id text collate "C" not null primary key,
    email text collate "C" not null unique,
    name text not null,
    password_hash text not null,
    created_at bigint not null
);

create table session (
    token_hash bytea not null primary key,
    member_id text collate "C" not null,
    expires_at bigint not null
);
create index session_by_expiry on session (expires_at);

create table api_key (
    hash bytea not null,
    kind text not null,
    environment_id text collate "C" not null,
    created_at bigint not null,
    primary key (hash, kind)
);

create table authorization_request (
    state_hash bytea not null primary key,
    environment_id text collate "C" not null,
    session_hash bytea not null,
    login_url text not null,
    verifier bytea not null,
    expires_at bigint not null
);
create index authorization_request_by_expiry on authorization_request (expires_at);

create table profile (
    environment_id text collate "C" not null,
    kind text collate "C" not null,
    id text collate "C" not null,
    attributes text not null,
    email text collate "C",
    search text not null,
    created_at bigint not null,
    last_seen_at bigint,
    revision bigint not null,
    primary key (environment_id, kind, id)
);
create index profile_by_creation on profile (environment_id, kind, created_at, id);
create index profile_by_email on profile (environment_id, kind, email) where email is not null;

create table membership (
    environment_id text collate "C" not null,
    user_id text collate "C" not null,
    company_id text collate "C" not null,
    attributes text not null,
    created_at bigint not null,
    primary key (environment_id, user_id, company_id)
);
create index membership_by_company on membership (environment_id, company_id, user_id);

create table event (
    environment_id text collate "C" not null,
    id bigint not null,
    name text collate "C" not null,
    time bigint not null,
    created_at bigint not null,
    attributes text not null,
    user_id text collate "C",
    company_id text collate "C",
    primary key (environment_id, id)
);
create index event_by_user on event (environment_id, user_id, id) where user_id is not null;
create index event_by_company on event (environment_id, company_id, id) where company_id is not null;

create table attribute_definition (
    environment_id text collate "C" not null,
    scope text collate "C" not null,
    name text collate "C" not null,
    display_name text not null,
    description text,
    data_type text not null,
    origin text not null,
    created_at bigint not null,
    primary key (environment_id, scope, name)
);

create table event_definition (
    environment_id text collate "C" not null,
    name text collate "C" not null,
    display_name text not null,
    description text,
    created_at bigint not null,
    primary key (environment_id, name)
);

create table connection (
    id text collate "C" not null primary key,
    environment_id text collate "C" not null unique,
    status text not null,
    detail text,
    epoch bigint not null,
    org_id text collate "C" not null,
    org text not null,
    connected_at bigint not null,
    stream_state text not null,
    stream_since bigint not null,
    stream_detail text,
    last_event_at bigint,
    last_delay_ms bigint,
    api_used bigint,
    api_limit bigint
);
create unique index connection_by_org on connection (org_id) where status <> 'disconnected';

create table credentials (
    connection_id text collate "C" not null primary key,
    sealed bytea not null
);

create table object_mapping (
    connection_id text collate "C" not null,
    id text collate "C" not null,
    version bigint not null,
    position bigint not null,
    paused bigint not null,
    object text not null,
    profile_kind text collate "C" not null,
    definition text not null,
    primary key (connection_id, id)
);

create table object_schema (
    connection_id text collate "C" not null,
    name text collate "C" not null,
    object_schema text not null,
    primary key (connection_id, name)
);

create table stream_position (
    connection_id text collate "C" not null,
    stream text collate "C" not null,
    position bytea not null,
    primary key (connection_id, stream)
);

create table lease (
    connection_id text collate "C" not null primary key,
    node text,
    token bigint not null,
    expires_at bigint not null
);

create table link (
    connection_id text collate "C" not null,
    mapping_id text collate "C" not null,
    profile_id text collate "C" not null,
    match_key text collate "C",
    searched bigint not null,
    candidates bigint not null default 0,
    was_linked bigint not null default 0,
    object text collate "C",
    record_id text collate "C",
    linked_at bigint,
    primary key (connection_id, mapping_id, profile_id)
);
create index link_by_key on link (connection_id, mapping_id, match_key) where match_key is not null;
create index link_by_record on link (connection_id, record_id) where record_id is not null;
create index link_by_profile on link (connection_id, profile_id);

create table record (
    connection_id text collate "C" not null,
    object text collate "C" not null,
    record_id text collate "C" not null,
    fields text not null,
    created_at bigint not null,
    read_ms bigint not null,
    commit_ms bigint,
    commit_number bigint,
    commit_sequence bigint,
    stale bigint not null,
    gone bigint not null,
    revision bigint not null,
    primary key (connection_id, object, record_id)
);

create table due (
    connection_id text collate "C" not null,
    mapping_id text collate "C" not null,
    profile_id text collate "C" not null,
    lane bigint not null,
    generation bigint not null,
    due_at bigint not null,
    attempts bigint not null,
    primary key (connection_id, mapping_id, profile_id)
);
create index due_by_time on due (connection_id, lane, due_at, mapping_id, profile_id);

create table sync_issue (
    connection_id text collate "C" not null,
    id text collate "C" not null,
    mapping_id text collate "C" not null,
    profile_kind text collate "C" not null,
    profile_id text collate "C" not null,
    kind text not null,
    record_id text collate "C",
    field text,
    code text not null,
    cause text not null,
    remedy text not null,
    first_at bigint not null,
    last_at bigint not null,
    count bigint not null,
    primary key (connection_id, id)
);
create index sync_issue_by_item on sync_issue (connection_id, mapping_id, profile_id);
create index sync_issue_by_time on sync_issue (connection_id, last_at);
