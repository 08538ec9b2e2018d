-- What a profile's events add up to, kept with it: how often each happened, first and last, and the latest answers. And the questions that
-- were answered. Both are filled from the events that there are.

alter table profile add column summary text not null default '{}';

create table question_definition (
    environment_id text not null,
    id text not null,
    name text not null,
    data_type text not null,
    created_at integer not null,
    primary key (environment_id, id)
) strict;

with answered as (
    select environment_id, id, created_at, attributes ->> '$.question_cvid' as question, attributes ->> '$.question_name' as name,
        coalesce(attributes -> '$.number_answer', attributes -> '$.list_answer', attributes -> '$.text_answer') as answer
    from event where name = 'question_answered'
), newest as (
    select *, row_number() over (partition by environment_id, question order by id desc) as place,
        min(created_at) over (partition by environment_id, question) as first_at
    from answered where length(question) between 1 and 255 and answer is not null
)
insert into question_definition (environment_id, id, name, data_type, created_at)
select environment_id, question, coalesce(name, question),
    case json_type(answer) when 'array' then 'list' when 'integer' then 'number' when 'real' then 'number' else 'string' end, first_at
from newest where place = 1;

with happened as (
    select environment_id, 'user' as kind, user_id as profile_id, id, name, time, attributes from event where user_id is not null
    union all
    select environment_id, 'company', company_id, id, name, time, attributes from event where company_id is not null
), counted as (
    select environment_id, kind, profile_id, name, count(*) as times, min(time) as first_ms, max(time) as last_ms
    from happened group by environment_id, kind, profile_id, name
), counts as (
    select environment_id, kind, profile_id,
        json_group_object(name, json_object('count', times, 'first_ms', first_ms, 'last_ms', last_ms)) as by_event
    from counted group by environment_id, kind, profile_id
), answered as (
    select environment_id, kind, profile_id, id, time, attributes ->> '$.question_cvid' as question,
        coalesce(attributes -> '$.number_answer', attributes -> '$.list_answer', attributes -> '$.text_answer', 'null') as answer
    from happened where name = 'question_answered'
), newest as (
    select *, row_number() over (partition by environment_id, kind, profile_id, question order by time desc, id desc) as place
    from answered where length(question) between 1 and 255
), answers as (
    select environment_id, kind, profile_id, json_group_object(question, json_object('at_ms', time, 'value', json(answer))) as by_question
    from newest where place = 1 group by environment_id, kind, profile_id
)
update profile set summary = json_object('events', json(c.by_event), 'answers', json(coalesce(a.by_question, '{}')))
from counts c left join answers a
    on a.environment_id = c.environment_id and a.kind = c.kind and a.profile_id = c.profile_id
where profile.environment_id = c.environment_id and profile.kind = c.kind and profile.id = c.profile_id;
