-- What work is planned by is read again only where it has changed.
alter table environment add column rules_version bigint not null default 0;
