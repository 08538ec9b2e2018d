-- Objects that can be mapped, by name.

create table listed_object (
    connection_id text collate "C" not null,
    name text collate "C" not null,
    label text not null,
    primary key (connection_id, name)
);
