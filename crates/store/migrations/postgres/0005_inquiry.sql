-- What screens and commands ask the org, through whoever works on the connection. A row goes when its answer is taken.

create table inquiry (
    connection_id text not null,
    id text not null,
    question text not null,
    answer text,
    asked_at bigint not null,
    primary key (connection_id, id)
);
