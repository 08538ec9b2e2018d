//! Questions at random, each said twice: in SOQL and in SQL. The two are made side by side, so that neither is read from the other.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

/// Texts that differ in letter case, script and in what LIKE takes for wildcards.
pub(crate) const WORDS: [&str; 18] = [
    "alpha", "Alpha", "ALPHA", "beta", "Bêta", "bÊTA", "straße", "ÉCLAIR", "éclair", "日本", "Ωmega", "ωMEGA", "100%",
    "a_b", "a\\b", "it's", "İx", "x",
];
/// In the order of the picklist, which is not that of the alphabet.
pub(crate) const CHOICES: [&str; 4] = ["Warm", "cold", "Hot", "Ätna"];
pub(crate) const TAGS: [&str; 4] = ["red", "Green", "blue", "Öl"];
/// What time it is: a Tuesday.
pub(crate) const NOW: &str = "2023-11-14 22:13:20";

/// The same thing in both languages.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    pub(crate) soql: String,
    pub(crate) sql: String,
}

fn said(soql: impl Into<String>, sql: impl Into<String>) -> Said {
    Said { soql: soql.into(), sql: sql.into() }
}

/// A question, and where in a record of its answer the values are.
#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) said: Said,
    pub(crate) include_deleted: bool,
    pub(crate) values: Vec<Vec<String>>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Text,
    Number,
    Whole,
    Date,
    Instant,
    Checkbox,
    Picklist,
    Tags,
    Key,
    Reference,
    Id,
}

/// A field: its column in SQL, and how it is compared there.
#[derive(Clone, Debug)]
struct Field {
    path: String,
    column: String,
    kind: Kind,
}

impl Field {
    /// What SQL compares and sorts by: text without letter case.
    fn caseless(&self) -> String {
        match self.kind {
            Kind::Text | Kind::Picklist | Kind::Key => format!("{}_l", self.column),
            Kind::Checkbox => format!("coalesce({}, 0)", self.column),
            _ => self.column.clone(),
        }
    }

    fn shown(&self) -> String {
        match self.kind {
            Kind::Instant => format!("strftime('%Y-%m-%dT%H:%M:%S.000+0000', {})", self.column),
            _ => self.column.clone(),
        }
    }
}

/// Lower case letter by letter, as the shadow columns have it.
pub(crate) fn lower(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
}

fn soql_quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

fn sql_quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

pub(crate) struct Asking {
    random: StdRng,
    accounts: Vec<String>,
    contacts: Vec<String>,
}

impl Asking {
    pub(crate) fn new(seed: u64, accounts: Vec<String>, contacts: Vec<String>) -> Asking {
        Asking { random: StdRng::seed_from_u64(seed), accounts, contacts }
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.random.random_range(0..100) < percent
    }

    fn number(&mut self, from: i64, to: i64) -> i64 {
        self.random.random_range(from..=to)
    }

    fn pick<'w>(&mut self, words: &[&'w str]) -> &'w str {
        words.choose(&mut self.random).expect("there are words")
    }

    pub(crate) fn question(&mut self) -> Question {
        let is_contact = self.chance(60);
        match self.number(0, 9) {
            0 => self.count(is_contact),
            1 => self.children(),
            2..=3 => self.groups(is_contact),
            _ => self.rows(is_contact),
        }
    }

    fn count(&mut self, is_contact: bool) -> Question {
        let include_deleted = self.chance(20);
        let filter = self.filter_clause(is_contact, include_deleted, true);
        let soql = format!("SELECT COUNT() FROM {}{}", object(is_contact), filter.soql);
        let sql = format!("select json_array(count(*)) from {} where {}", tables(is_contact), filter.sql);
        Question { said: said(soql, sql), include_deleted, values: vec![] }
    }

    fn rows(&mut self, is_contact: bool) -> Question {
        let include_deleted = self.chance(20);
        let mut fields = vec![field(is_contact, 0, "Id", "id", Kind::Id)];
        for _ in 0..self.number(0, 3) {
            let next = self.field(is_contact);
            if fields.iter().all(|own| own.path != next.path) {
                fields.push(next);
            }
        }
        let filter = self.filter_clause(is_contact, include_deleted, true);
        let order = self.order(is_contact);
        let limit = self.limit();
        let paths: Vec<&str> = fields.iter().map(|field| field.path.as_str()).collect();
        let columns: Vec<String> = fields.iter().map(Field::shown).collect();
        let soql = format!(
            "SELECT {} FROM {}{}{}{}",
            paths.join(", "),
            object(is_contact),
            filter.soql,
            order.soql,
            limit.soql
        );
        let sql = format!(
            "select json_array({}) from {} where {} order by {} {}",
            columns.join(", "),
            tables(is_contact),
            filter.sql,
            order.sql,
            limit.sql
        );
        let values = paths.iter().map(|path| path.split('.').map(str::to_owned).collect()).collect();
        Question { said: said(soql, sql), include_deleted, values }
    }

    fn children(&mut self) -> Question {
        let filter = self.filter_clause(true, false, false);
        let (order, outer) = (self.order(true), self.filter_clause(false, false, false));
        let limit = self.number(1, 5);
        let soql = format!(
            "SELECT Id, (SELECT Id FROM Contacts{}{} LIMIT {limit}) FROM Account{}",
            filter.soql, order.soql, outer.soql
        );
        let inner = format!(
            "select c0.id as id from {} where c0.ref = outside.id and {} order by {} limit {limit}",
            tables(true),
            filter.sql,
            order.sql
        );
        let sql = format!(
            "select json_array(id, (select json_group_array(id) from ({inner}))) from (select c0.id as id from {} where {}) outside \
             order by id",
            tables(false),
            outer.sql
        );
        Question {
            said: said(soql, sql),
            include_deleted: false,
            values: vec![vec!["Id".into()], vec!["Contacts".into()]],
        }
    }

    fn groups(&mut self, is_contact: bool) -> Question {
        let mut keys: Vec<Said> = Vec::new();
        for _ in 0..self.number(0, 2) {
            let key = self.key(is_contact);
            if keys.iter().all(|own| own.soql != key.soql) {
                keys.push(key);
            }
        }
        let measures: Vec<Said> = (0..self.number(1, 3)).map(|_| self.measure(is_contact)).collect();
        let all: Vec<&Said> = keys.iter().chain(&measures).collect();
        let selected: Vec<String> = all.iter().zip(0..).map(|(value, n)| format!("{} v{n}", value.soql)).collect();
        let columns: Vec<&str> = all.iter().map(|value| value.sql.as_str()).collect();
        let filter = self.filter_clause(is_contact, false, true);
        let mut soql = format!("SELECT {} FROM {}{}", selected.join(", "), object(is_contact), filter.soql);
        let mut sql =
            format!("select json_array({}) from {} where {}", columns.join(", "), tables(is_contact), filter.sql);
        if !keys.is_empty() {
            let both = |of: fn(&Said) -> &str| keys.iter().map(of).collect::<Vec<_>>().join(", ");
            soql += &format!(" GROUP BY {}", both(|key| &key.soql));
            sql += &format!(" group by {}", both(|key| &key.sql));
            if self.chance(50) {
                let having = self.having(is_contact);
                soql += &format!(" HAVING {}", having.soql);
                sql += &format!(" having {}", having.sql);
            }
            let (mut by_soql, mut by_sql) = (Vec::new(), Vec::new());
            if self.chance(40) {
                let direction = self.pick(&["ASC", "DESC"]);
                by_soql.push(format!("COUNT(Id) {direction}"));
                by_sql.push(format!("count(c0.id) {direction}"));
            }
            for key in &keys {
                let direction =
                    self.pick(&["ASC NULLS FIRST", "DESC NULLS LAST", "DESC NULLS FIRST", "ASC NULLS LAST"]);
                by_soql.push(format!("{} {direction}", key.soql));
                by_sql.push(format!("{} {direction}", key.sql));
            }
            let limit = self.limit();
            soql += &format!(" ORDER BY {}{}", by_soql.join(", "), limit.soql);
            sql += &format!(" order by {} {}", by_sql.join(", "), limit.sql);
        }
        let values = (0..all.len()).map(|n| vec![format!("v{n}")]).collect();
        Question { said: said(soql, sql), include_deleted: false, values }
    }

    /// Something to group by. Picklists are left out: they sort by their choices, and here keys sort by themselves.
    fn key(&mut self, is_contact: bool) -> Said {
        loop {
            let field = self.field(is_contact);
            match field.kind {
                Kind::Text | Kind::Key | Kind::Whole | Kind::Reference => {
                    return said(field.path.clone(), field.caseless());
                }
                Kind::Date => return said(field.path.clone(), field.column.clone()),
                Kind::Checkbox => return said(field.path.clone(), field.column.clone()),
                Kind::Instant => return self.part(&field),
                _ => {}
            }
        }
    }

    fn measure(&mut self, is_contact: bool) -> Said {
        let field = self.field(is_contact);
        let (path, column) = (&field.path, field.caseless());
        let is_number = matches!(field.kind, Kind::Number | Kind::Whole);
        let can_compare = is_number || matches!(field.kind, Kind::Text | Kind::Key | Kind::Date);
        match self.number(0, 5) {
            0 => said(format!("COUNT({path})"), format!("count({})", field.column)),
            1 if field.kind != Kind::Tags && field.kind != Kind::Checkbox => {
                said(format!("COUNT_DISTINCT({path})"), format!("count(distinct {column})"))
            }
            2 if is_number => said(format!("SUM({path})"), format!("round(sum({column}), 2)")),
            3 if is_number => said(format!("AVG({path})"), format!("avg({column})")),
            4 if can_compare => said(format!("MIN({path})"), format!("min({column})")),
            5 if can_compare => said(format!("MAX({path})"), format!("max({column})")),
            _ => said("COUNT(Id)", "count(c0.id)"),
        }
    }

    fn having(&mut self, is_contact: bool) -> Said {
        let operator = self.pick(&["=", "!=", "<", "<=", ">", ">="]);
        let number = self.number(0, 12);
        let (value, number) = if self.chance(70) {
            (said("COUNT(Id)", "count(c0.id)"), number.to_string())
        } else {
            let field = field(is_contact, 0, "I__c", "i", Kind::Whole);
            (said(format!("MAX({})", field.path), format!("max({})", field.column)), (number * 3).to_string())
        };
        let holds = compared(&value.sql, operator, &number);
        let plain = said(format!("{} {operator} {number}", value.soql), holds);
        if self.chance(25) { said(format!("(NOT {})", plain.soql), format!("not {}", plain.sql)) } else { plain }
    }

    fn order(&mut self, is_contact: bool) -> Said {
        let (mut soql, mut sql) = (Vec::new(), Vec::new());
        for _ in 0..self.number(0, 2) {
            let field = self.field(is_contact);
            if field.kind == Kind::Tags {
                continue;
            }
            let direction = self.pick(&["", " ASC", " DESC"]);
            let nulls = self.pick(&["", " NULLS FIRST", " NULLS LAST"]);
            let sorted = match field.kind {
                Kind::Picklist => {
                    let ranks: String =
                        CHOICES.iter().zip(1..).map(|(choice, rank)| format!(" when '{choice}' then {rank}")).collect();
                    format!("case {}{ranks} end", field.column)
                }
                Kind::Checkbox => field.column.clone(),
                _ => field.caseless(),
            };
            soql.push(format!("{}{direction}{nulls}", field.path));
            sql.push(format!("{sorted}{direction}{}", if nulls.is_empty() { " nulls first" } else { nulls }));
        }
        let is_descending = self.chance(15);
        // Without an order of its own an answer is in the order of ids.
        if !soql.is_empty() || is_descending || self.chance(30) {
            soql.push(if is_descending { "Id DESC" } else { "Id" }.to_owned());
        }
        sql.push(if is_descending { "c0.id desc" } else { "c0.id" }.to_owned());
        let clause = if soql.is_empty() { String::new() } else { format!(" ORDER BY {}", soql.join(", ")) };
        said(clause, sql.join(", "))
    }

    fn limit(&mut self) -> Said {
        let limit = self.chance(40).then(|| self.number(0, 30));
        let offset = self.chance(20).then(|| self.number(0, 10));
        let mut soql = String::new();
        if let Some(limit) = limit {
            soql += &format!(" LIMIT {limit}");
        }
        if let Some(offset) = offset {
            soql += &format!(" OFFSET {offset}");
        }
        said(soql, format!("limit {} offset {}", limit.unwrap_or(-1), offset.unwrap_or(0)))
    }

    fn filter_clause(&mut self, is_contact: bool, include_deleted: bool, may_join: bool) -> Said {
        let living = if include_deleted { "1" } else { "not c0.deleted" };
        if self.chance(15) {
            return said("", living);
        }
        let mut parts = vec![self.condition(is_contact, 0)];
        while self.chance(25) {
            parts.push(self.condition(is_contact, 1));
        }
        if may_join && self.chance(15) {
            parts.push(self.semi_join(is_contact, include_deleted));
        }
        let joined = both(&parts, " AND ", " and ");
        said(format!(" WHERE {}", joined.soql), format!("{living} and {}", joined.sql))
    }

    fn semi_join(&mut self, is_contact: bool, include_deleted: bool) -> Said {
        let inner = self.filter_clause(!is_contact, include_deleted, false);
        let (path, column, found, found_column) =
            if is_contact { ("AccountId", "c0.ref", "Id", "id") } else { ("Id", "c0.id", "AccountId", "ref") };
        let soql = format!("(SELECT {found} FROM {}{})", object(!is_contact), inner.soql);
        let sql = format!(
            "coalesce({column} in (select c0.{found_column} from {} where c0.{found_column} is not null and {}), 0)",
            tables(!is_contact),
            inner.sql
        );
        if self.chance(30) {
            return said(format!("{path} NOT IN {soql}"), format!("not {sql}"));
        }
        said(format!("{path} IN {soql}"), sql)
    }

    fn condition(&mut self, is_contact: bool, depth: usize) -> Said {
        match self.number(0, 9) {
            0 if depth < 3 => {
                let inner = self.condition(is_contact, depth + 1);
                said(format!("(NOT {})", inner.soql), format!("(not {})", inner.sql))
            }
            1..=3 if depth < 3 => {
                let parts: Vec<Said> = (0..self.number(2, 3)).map(|_| self.condition(is_contact, depth + 1)).collect();
                let joined =
                    if self.chance(50) { both(&parts, " AND ", " and ") } else { both(&parts, " OR ", " or ") };
                said(format!("({})", joined.soql), format!("({})", joined.sql))
            }
            _ => {
                let field = self.field(is_contact);
                self.comparison(&field)
            }
        }
    }

    fn comparison(&mut self, field: &Field) -> Said {
        let (path, column) = (&field.path, field.caseless());
        if field.kind == Kind::Tags {
            return self.tagged(field);
        }
        if self.chance(12) {
            let (operator, holds) = if self.chance(50) { ("=", "is null") } else { ("!=", "is not null") };
            if field.kind == Kind::Checkbox {
                return said(format!("{path} {operator} NULL"), format!("({column} {operator} 0)"));
            }
            return said(format!("{path} {operator} NULL"), format!("({column} {holds})"));
        }
        let is_dated = matches!(field.kind, Kind::Date | Kind::Instant);
        if is_dated && self.chance(40) {
            return self.within(field);
        }
        if is_dated && self.chance(25) {
            let part = self.part(field);
            let (operator, number) = (self.pick(&["=", "!=", "<", ">="]), self.part_value(&part.soql));
            return said(
                format!("{} {operator} {number}", part.soql),
                compared(&part.sql, operator, &number.to_string()),
            );
        }
        if matches!(field.kind, Kind::Text | Kind::Picklist) && self.chance(30) {
            return self.like(field);
        }
        if field.kind != Kind::Checkbox && self.chance(30) {
            return self.membership(field);
        }
        let value = self.value(field.kind);
        let operators: &[&str] =
            if field.kind == Kind::Checkbox { &["=", "!="] } else { &["=", "!=", "<>", "<", "<=", ">", ">="] };
        let operator = self.pick(operators);
        said(format!("{path} {operator} {}", value.soql), compared(&column, operator, &value.sql))
    }

    fn membership(&mut self, field: &Field) -> Said {
        let values: Vec<Said> = (0..self.number(1, 4)).map(|_| self.value(field.kind)).collect();
        let list = both(&values, ", ", ", ");
        let column = field.caseless();
        let with_null = self.chance(15);
        let soql = format!("({}{})", list.soql, if with_null { ", null" } else { "" });
        let null_fits = if with_null { format!(" or {column} is null") } else { String::new() };
        let sql = format!("(coalesce({column} in ({}), 0){null_fits})", list.sql);
        if self.chance(40) {
            return said(format!("{} NOT IN {soql}", field.path), format!("(not {sql})"));
        }
        said(format!("{} IN {soql}", field.path), sql)
    }

    fn like(&mut self, field: &Field) -> Said {
        let word = if field.kind == Kind::Text { self.pick(&WORDS) } else { self.pick(&CHOICES) };
        let (mut soql, mut sql) = (String::new(), String::new());
        for c in word.chars() {
            match self.number(0, 9) {
                // One letter can become two in lower case, which one wildcard does not stand for.
                0 if c.to_lowercase().count() == 1 => {
                    soql.push('_');
                    sql.push('_');
                }
                1..=2 => {
                    soql.push('%');
                    sql.push('%');
                }
                _ => {
                    let is_special = matches!(c, '%' | '_' | '\\');
                    soql += &if is_special || c == '\'' { format!("\\{c}") } else { c.to_string() };
                    sql += &if is_special { format!("\\{c}") } else { lower(&c.to_string()) };
                }
            }
        }
        if self.chance(30) {
            soql.push('%');
            sql.push('%');
        }
        let holds = format!("coalesce({} like {} escape '\\', 0)", field.caseless(), sql_quoted(&sql));
        said(format!("{} LIKE '{soql}'", field.path), holds)
    }

    fn tagged(&mut self, field: &Field) -> Said {
        let (mut soql, mut sql) = (Vec::new(), Vec::new());
        for _ in 0..self.number(1, 2) {
            let tags: Vec<&str> = (0..self.number(1, 2)).map(|_| self.pick(&TAGS)).collect();
            soql.push(format!("'{}'", tags.join(";")));
            let has = tags.iter().map(|tag| format!("instr(';' || {}_l || ';', ';{};') > 0", field.column, lower(tag)));
            sql.push(format!("({})", has.collect::<Vec<_>>().join(" and ")));
        }
        let holds = format!("coalesce({}, 0)", sql.join(" or "));
        let list = soql.join(", ");
        if self.chance(30) {
            return said(format!("{} EXCLUDES ({list})", field.path), format!("(not {holds})"));
        }
        said(format!("{} INCLUDES ({list})", field.path), holds)
    }

    /// A comparison with a date word. SQLite works out the days.
    fn within(&mut self, field: &Field) -> Said {
        let count = self.number(1, 20);
        let quarter = "'start of month', '-' || ((cast(strftime('%m', NOW) as integer) - 1) % 3) || ' months'";
        let week = "'-6 days', 'weekday 0'";
        let (month, year) = ("'start of month'", "'start of year'");
        let span = |word: String, anchor: &str, from: i64, to: i64, unit: &str| {
            let date = |by: i64| {
                let anchor = if anchor.is_empty() { String::new() } else { format!(", {anchor}") };
                format!("date(NOW{anchor}, '{by:+} {unit}')").replace("NOW", &format!("'{NOW}'"))
            };
            (word, date(from), date(to))
        };
        let (word, start, end) = match self.number(0, 19) {
            0 => span("TODAY".into(), "", 0, 1, "days"),
            1 => span("YESTERDAY".into(), "", -1, 0, "days"),
            2 => span("TOMORROW".into(), "", 1, 2, "days"),
            3 => span(format!("LAST_N_DAYS:{count}"), "", -count, 1, "days"),
            4 => span(format!("NEXT_N_DAYS:{count}"), "", 1, count + 1, "days"),
            5 => span(format!("N_DAYS_AGO:{count}"), "", -count, 1 - count, "days"),
            6 => span("THIS_WEEK".into(), week, 0, 7, "days"),
            7 => span(format!("LAST_N_WEEKS:{count}"), week, -7 * count, 0, "days"),
            8 => span(format!("NEXT_N_WEEKS:{count}"), week, 7, 7 + 7 * count, "days"),
            9 => span("THIS_MONTH".into(), month, 0, 1, "months"),
            10 => span("LAST_MONTH".into(), month, -1, 0, "months"),
            11 => span(format!("NEXT_N_MONTHS:{count}"), month, 1, 1 + count, "months"),
            12 => span(format!("N_MONTHS_AGO:{count}"), month, -count, 1 - count, "months"),
            13 => span("THIS_QUARTER".into(), quarter, 0, 3, "months"),
            14 => span("LAST_QUARTER".into(), quarter, -3, 0, "months"),
            15 => span(format!("NEXT_N_QUARTERS:{count}"), quarter, 3, 3 + 3 * count, "months"),
            16 => span("THIS_YEAR".into(), year, 0, 1, "years"),
            17 => span("LAST_FISCAL_YEAR".into(), year, -1, 0, "years"),
            18 => span(format!("LAST_N_YEARS:{count}"), year, -count, 0, "years"),
            _ => span("LAST_90_DAYS".into(), "", -90, 1, "days"),
        };
        let column = &field.column;
        let operator = self.pick(&["=", "!=", "<", "<=", ">", ">="]);
        let holds = match operator {
            "=" => format!("coalesce({column} >= {start} and {column} < {end}, 0)"),
            "!=" => format!("(not coalesce({column} >= {start} and {column} < {end}, 0))"),
            "<" => format!("coalesce({column} < {start}, 0)"),
            "<=" => format!("coalesce({column} < {end}, 0)"),
            ">" => format!("coalesce({column} >= {end}, 0)"),
            _ => format!("coalesce({column} >= {start}, 0)"),
        };
        said(format!("{} {operator} {word}", field.path), holds)
    }

    /// A part of a date.
    fn part(&mut self, field: &Field) -> Said {
        let column = &field.column;
        let code = |code: &str| format!("cast(strftime('%{code}', {column}) as integer)");
        let (function, sql) = match self.number(0, 8) {
            0 => ("CALENDAR_YEAR", code("Y")),
            1 => ("CALENDAR_MONTH", code("m")),
            2 => ("CALENDAR_QUARTER", format!("(({} + 2) / 3)", code("m"))),
            3 => ("DAY_IN_MONTH", code("d")),
            4 => ("DAY_IN_WEEK", format!("({} + 1)", code("w"))),
            5 => ("DAY_IN_YEAR", code("j")),
            6 => ("WEEK_IN_MONTH", format!("(({} + 6) / 7)", code("d"))),
            7 => ("WEEK_IN_YEAR", format!("(({} + 6) / 7)", code("j"))),
            _ if field.kind == Kind::Instant => ("HOUR_IN_DAY", code("H")),
            _ => ("FISCAL_MONTH", code("m")),
        };
        said(format!("{function}({})", field.path), sql)
    }

    fn part_value(&mut self, part: &str) -> i64 {
        if part.contains("CALENDAR_YEAR") { self.number(2021, 2025) } else { self.number(1, 31) }
    }

    fn value(&mut self, kind: Kind) -> Said {
        match kind {
            Kind::Text => {
                let word = self.pick(&WORDS);
                said(soql_quoted(word), sql_quoted(&lower(word)))
            }
            Kind::Picklist | Kind::Tags => {
                let word = self.pick(&CHOICES);
                said(soql_quoted(word), sql_quoted(&lower(word)))
            }
            Kind::Key => {
                let key = format!("k-{}", self.number(0, 150));
                said(soql_quoted(&key), sql_quoted(&key))
            }
            Kind::Number => {
                let number = self.number(-20, 20);
                match self.number(0, 2) {
                    0 => said(format!("{number}"), format!("{number}")),
                    1 => said(format!("{number}.25"), format!("{number}.25")),
                    _ => said(format!("{number}e1"), format!("{number}0.0")),
                }
            }
            Kind::Whole => {
                let number = self.number(0, 40).to_string();
                said(number.clone(), number)
            }
            Kind::Date => {
                let date = self.date();
                said(date.clone(), sql_quoted(&date))
            }
            Kind::Instant => {
                let (date, hour) = (self.date(), self.number(0, 22));
                let sql = format!("'{date} {hour:02}:30:00'");
                match self.number(0, 1) {
                    0 => said(format!("{date}T{hour:02}:30:00Z"), sql),
                    _ => said(format!("{date}T{:02}:30:00+01:00", hour + 1), sql),
                }
            }
            Kind::Checkbox => {
                let is_on = self.chance(50);
                said(is_on.to_string(), if is_on { "1" } else { "0" })
            }
            Kind::Reference => {
                let id = self.accounts.choose(&mut self.random).expect("there are accounts").clone();
                self.id(id)
            }
            Kind::Id => {
                let all = if self.chance(50) { &self.accounts } else { &self.contacts };
                let id = all.choose(&mut self.random).expect("there are records").clone();
                self.id(id)
            }
        }
    }

    /// In either of the forms of ids.
    fn id(&mut self, id: String) -> Said {
        let given = if self.chance(50) { &id[..15] } else { &id };
        said(format!("'{given}'"), format!("'{id}'"))
    }

    fn date(&mut self) -> String {
        format!("{}-{:02}-{:02}", self.number(2021, 2025), self.number(1, 12), self.number(1, 28))
    }

    /// A field of the record, its parent or its parent's parent.
    fn field(&mut self, is_contact: bool) -> Field {
        let level = self.random.random_range(0..6_usize).saturating_sub(3);
        let (name, column, kind) = *FIELDS.choose(&mut self.random).expect("there are fields");
        field(is_contact, level, name, column, kind)
    }
}

const FIELDS: [(&str, &str, Kind); 11] = [
    ("T__c", "t", Kind::Text),
    ("N__c", "n", Kind::Number),
    ("I__c", "i", Kind::Whole),
    ("D__c", "d", Kind::Date),
    ("W__c", "w", Kind::Instant),
    ("B__c", "b", Kind::Checkbox),
    ("P__c", "p", Kind::Picklist),
    ("M__c", "m", Kind::Tags),
    ("Key__c", "k", Kind::Key),
    ("Id", "id", Kind::Id),
    ("", "ref", Kind::Reference),
];

fn field(is_contact: bool, level: usize, name: &str, column: &str, kind: Kind) -> Field {
    let (prefix, reference) = match (is_contact, level) {
        (true, 0) => ("", "AccountId"),
        (true, 1) => ("Account.", "ParentId"),
        (true, _) => ("Account.Parent.", "ParentId"),
        (false, 0) => ("", "ParentId"),
        (false, 1) => ("Parent.", "ParentId"),
        (false, _) => ("Parent.Parent.", "ParentId"),
    };
    let name = if name.is_empty() { reference } else { name };
    Field { path: format!("{prefix}{name}"), column: format!("c{level}.{column}"), kind }
}

fn object(is_contact: bool) -> &'static str {
    if is_contact { "Contact" } else { "Account" }
}

fn tables(is_contact: bool) -> &'static str {
    if is_contact {
        "contact c0 left join account c1 on c1.id = c0.ref left join account c2 on c2.id = c1.ref"
    } else {
        "account c0 left join account c1 on c1.id = c0.ref left join account c2 on c2.id = c1.ref"
    }
}

/// A comparison in SQL that is never null: no value is only ever unequal.
fn compared(column: &str, operator: &str, value: &str) -> String {
    match operator {
        "!=" | "<>" => format!("(not coalesce({column} = {value}, 0))"),
        operator => format!("coalesce({column} {operator} {value}, 0)"),
    }
}

fn both(parts: &[Said], soql: &str, sql: &str) -> Said {
    said(
        parts.iter().map(|part| part.soql.as_str()).collect::<Vec<_>>().join(soql),
        parts.iter().map(|part| part.sql.as_str()).collect::<Vec<_>>().join(sql),
    )
}
