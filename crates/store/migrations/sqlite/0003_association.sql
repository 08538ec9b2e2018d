-- Which records an item needs besides the one that it is linked to: fields of associated records are mapped.

create table association (
    connection_id text not null,
    mapping_id text not null,
    profile_id text not null,
    object text not null,
    record_id text not null,
    primary key (connection_id, mapping_id, profile_id, object, record_id)
) strict, without rowid;
create index association_by_record on association (connection_id, record_id, object);
