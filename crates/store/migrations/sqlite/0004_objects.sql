-- Objects that can be mapped, by name.

create table listed_object (
    connection_id text not null,
    name text not null,
    label text not null,
    primary key (connection_id, name)
) strict;
