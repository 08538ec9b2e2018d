-- Which records an item needs besides the one that it is linked to: fields of associated records are mapped.

create table association (
    connection_id text collate "C" not null,
    mapping_id text collate "C" not null,
    profile_id text collate "C" not null,
    object text collate "C" not null,
    record_id text collate "C" not null,
    primary key (connection_id, mapping_id, profile_id, object, record_id)
);
create index association_by_record on association (connection_id, record_id, object);
