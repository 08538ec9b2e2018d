//! The part of the SOAP API that clients sign in and out with: `login`, `logout`, `getUserInfo` and `getServerTimestamp`, in the
//! partner (`u`) and the enterprise (`c`) flavour. [`super::soap_data`] has those that write records; every other operation is
//! answered as one that the WSDL does not have.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::data::{VERSION_MAX, VERSION_MIN};
use super::html::escape;
use super::{Web, origin, soap_data};
use crate::core::Org;

/// The last version that has `login()` (API release notes, Winter '26).
const LOGIN_VERSION_MAX: u32 = 64;

/// `POST /services/Soap/u/NN.0`, with or without an org's id behind it.
pub(crate) async fn partner(
    web: State<Web>,
    Path(path): Path<Vec<String>>,
    headers: HeaderMap,
    body: String,
) -> Response {
    answer(&web, Flavour { path: "u", name: "partner" }, &path, &headers, &body)
}

/// `POST /services/Soap/c/NN.0`, with or without an org's id behind it.
pub(crate) async fn enterprise(
    web: State<Web>,
    Path(path): Path<Vec<String>>,
    headers: HeaderMap,
    body: String,
) -> Response {
    answer(&web, Flavour { path: "c", name: "enterprise" }, &path, &headers, &body)
}

/// Which of the two WSDLs a client was made from.
#[derive(Clone, Copy)]
pub(super) struct Flavour {
    path: &'static str,
    name: &'static str,
}

fn answer(web: &Web, flavour: Flavour, path: &[String], headers: &HeaderMap, body: &str) -> Response {
    let version = path.first().and_then(|version| version.strip_suffix(".0").unwrap_or(version).parse::<u32>().ok());
    let Some(version) = version.filter(|version| (VERSION_MIN..=VERSION_MAX).contains(version)) else {
        return flavour.fault("UNSUPPORTED_API_VERSION", "Invalid Api version specified on URL");
    };
    let operation = operation(body).unwrap_or_default();
    if soap_data::OPERATIONS.contains(&operation) {
        return soap_data::answer(web, flavour, version, operation, body);
    }
    if operation == "login" {
        return login(web, flavour, version, headers, body);
    }
    let now_ms = web.org.now_ms();
    let mut org = web.org.lock();
    let token = element_text(body, "sessionId").unwrap_or_default();
    let session = org.use_session(&token, now_ms);
    match (operation, session) {
        ("logout" | "getUserInfo" | "getServerTimestamp", None) => flavour.fault(
            "INVALID_SESSION_ID",
            "Invalid Session ID found in SessionHeader: Illegal Session. Session not found",
        ),
        ("logout", Some(_)) => {
            org.revoke(&token);
            flavour.envelope("<logoutResponse/>")
        }
        ("getUserInfo", Some(session)) => {
            let seconds_valid = (session.expires_ms - now_ms) / 1000;
            let info = user_info(&org, &session.user_id, seconds_valid);
            flavour.envelope(&format!("<getUserInfoResponse><result>{info}</result></getUserInfoResponse>"))
        }
        ("getServerTimestamp", Some(_)) => {
            let now = jiff::Timestamp::from_millisecond(now_ms).unwrap_or_default().strftime("%Y-%m-%dT%H:%M:%S.%3fZ");
            let result = format!("<result><timestamp>{now}</timestamp></result>");
            flavour.envelope(&format!("<getServerTimestampResponse>{result}</getServerTimestampResponse>"))
        }
        _ => {
            let name = format!("{{urn:{}.soap.sforce.com}}{operation}", flavour.name);
            let words = format!("No operation available for request {name}, please check the WSDL for the service.");
            xml(
                StatusCode::INTERNAL_SERVER_ERROR,
                flavour.wrapped(&format!(
                    "<soapenv:Fault><faultcode>soapenv:Client</faultcode><faultstring>{}</faultstring></soapenv:Fault>",
                    escape(&words)
                )),
            )
        }
    }
}

fn login(web: &Web, flavour: Flavour, version: u32, headers: &HeaderMap, body: &str) -> Response {
    if version > LOGIN_VERSION_MAX {
        let words = format!(
            "The SOAP Login operation is not available in the API version specified ({version}.0). Refer to the \
             documentation for supported versions."
        );
        return flavour.fault("INVALID_OPERATION", &words);
    }
    let sent = |name: &str| element_text(body, name).unwrap_or_default();
    let now_ms = web.org.now_ms();
    let mut org = web.org.lock();
    let Ok(user_id) = org.authenticate(&sent("username"), &sent("password")) else {
        return flavour.fault("INVALID_LOGIN", "Invalid username, password, security token; or user locked out.");
    };
    let session = org.sign_in(&user_id, now_ms);
    let info = user_info(&org, &user_id, (session.expires_ms - now_ms) / 1000);
    let soap = format!("{}/services/Soap", origin(headers));
    let org_id15 = &org.org_id()[..15];
    // Salesforce's own Pub/Sub sample reads these elements by position, so their order is part of the contract.
    flavour.envelope(&format!(
        "<loginResponse><result>\
         <metadataServerUrl>{soap}/m/{version}.0/{org_id15}</metadataServerUrl>\
         <passwordExpired>false</passwordExpired>\
         <sandbox>false</sandbox>\
         <serverUrl>{soap}/{kind}/{version}.0/{org_id15}</serverUrl>\
         <sessionId>{session_id}</sessionId>\
         <userId>{user_id}</userId>\
         <userInfo>{info}</userInfo>\
         </result></loginResponse>",
        kind = flavour.path,
        session_id = escape(&session.access_token),
    ))
}

/// The content of a `GetUserInfoResult`.
fn user_info(org: &Org, user_id: &str, seconds_valid: i64) -> String {
    let text = |field: &str| {
        let (object, row) = org.record(user_id)?;
        row.get(object.index_of(field)?).as_text().map(escape)
    };
    let user = |field: &str| text(field).unwrap_or_default();
    format!(
        "<accessibilityMode>false</accessibilityMode>\
         <chatterExternal>false</chatterExternal>\
         <currencySymbol>$</currencySymbol>\
         <orgAttachmentFileSizeLimit>5242880</orgAttachmentFileSizeLimit>\
         <orgDefaultCurrencyIsoCode>USD</orgDefaultCurrencyIsoCode>\
         <orgDefaultCurrencyLocale>en_US</orgDefaultCurrencyLocale>\
         <orgDisallowHtmlAttachments>false</orgDisallowHtmlAttachments>\
         <orgHasPersonAccounts>{has_person_accounts}</orgHasPersonAccounts>\
         <organizationId>{org_id}</organizationId>\
         <organizationMultiCurrency>false</organizationMultiCurrency>\
         <organizationName>{org_name}</organizationName>\
         <profileId>{profile}</profileId>\
         <roleId xsi:nil=\"true\"/>\
         <sessionSecondsValid>{seconds_valid}</sessionSecondsValid>\
         <userDefaultCurrencyIsoCode xsi:nil=\"true\"/>\
         <userEmail>{email}</userEmail>\
         <userFullName>{full_name}</userFullName>\
         <userId>{user_id}</userId>\
         <userLanguage>{language}</userLanguage>\
         <userLocale>{locale}</userLocale>\
         <userName>{username}</userName>\
         <userTimeZone>{time_zone}</userTimeZone>\
         <userType>Standard</userType>\
         <userUiSkin>Theme3</userUiSkin>",
        has_person_accounts = org.has_person_accounts(),
        org_id = org.org_id(),
        org_name = escape(org.name()),
        profile = user("ProfileId"),
        email = user("Email"),
        full_name = user("Name"),
        language = user("LanguageLocaleKey"),
        locale = user("LocaleSidKey"),
        username = user("Username"),
        time_zone = user("TimeZoneSidKey"),
    )
}

impl Flavour {
    fn wrapped(self, body: &str) -> String {
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
             <soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" \
             xmlns=\"urn:{name}.soap.sforce.com\" xmlns:sf=\"urn:fault.{name}.soap.sforce.com\" \
             xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">\
             <soapenv:Body>{body}</soapenv:Body></soapenv:Envelope>",
            name = self.name,
        )
    }

    pub(super) fn envelope(self, body: &str) -> Response {
        xml(StatusCode::OK, self.wrapped(body))
    }

    /// A fault of the API, told with HTTP 500.
    pub(super) fn fault(self, code: &str, words: &str) -> Response {
        let kind = if code == "INVALID_LOGIN" { "LoginFault" } else { "UnexpectedErrorFault" };
        let message = escape(words);
        xml(
            StatusCode::INTERNAL_SERVER_ERROR,
            self.wrapped(&format!(
                "<soapenv:Fault><faultcode>sf:{code}</faultcode><faultstring>{code}: {message}</faultstring>\
             <detail><sf:{kind} xsi:type=\"sf:{kind}\"><sf:exceptionCode>{code}</sf:exceptionCode>\
             <sf:exceptionMessage>{message}</sf:exceptionMessage></sf:{kind}></detail></soapenv:Fault>"
            )),
        )
    }
}

pub(super) fn xml(status: StatusCode, body: String) -> Response {
    (status, [(header::CONTENT_TYPE, "text/xml;charset=UTF-8")], body).into_response()
}

/// Local name of the element that the body of the envelope begins with.
fn operation(xml: &str) -> Option<&str> {
    let mut names = xml.split('<').skip(1).filter_map(|tag| tag.split(['>', '/', ' ', '\n', '\r', '\t']).next());
    names.find(|tag| local_name(tag) == "Body")?;
    names.next().map(local_name)
}

pub(super) fn local_name(tag: &str) -> &str {
    tag.rsplit(':').next().unwrap_or(tag)
}

/// The text of the first element with this local name, whatever its prefix. Enough for these operations, whose elements do not
/// nest.
pub(super) fn element_text(xml: &str, name: &str) -> Option<String> {
    let mut rest = xml;
    while let Some(open) = rest.find('<') {
        rest = &rest[open + 1..];
        let end = rest.find('>')?;
        let tag = rest[..end].split_whitespace().next().unwrap_or("");
        let content = &rest[end + 1..];
        if local_name(tag) == name && !tag.starts_with('/') {
            let text = content.split('<').next().unwrap_or("");
            if let Some(cdata) = content.strip_prefix("<![CDATA[") {
                return cdata.split("]]>").next().map(str::to_owned);
            }
            return Some(unescape(text.trim()));
        }
        rest = content;
    }
    None
}

pub(super) fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        plain.push_str(&rest[..at]);
        rest = &rest[at..];
        let entity = rest.find(';').map(|end| &rest[1..end]);
        let character = entity.and_then(|entity| match entity {
            "amp" => Some('&'),
            "lt" => Some('<'),
            "gt" => Some('>'),
            "quot" => Some('"'),
            "apos" => Some('\''),
            numeric => {
                let number = numeric.strip_prefix('#')?;
                let code = match number.strip_prefix(['x', 'X']) {
                    Some(hex) => u32::from_str_radix(hex, 16),
                    None => number.parse(),
                };
                code.ok().and_then(char::from_u32)
            }
        });
        match (entity, character) {
            (Some(entity), Some(character)) => {
                plain.push(character);
                rest = &rest[entity.len() + 2..];
            }
            _ => {
                plain.push('&');
                rest = &rest[1..];
            }
        }
    }
    plain + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_found_whatever_their_prefix() {
        let xml = "<?xml version='1.0'?><env:Body><n1:login xmlns:n1='urn:x'><n1:username>a&amp;b&#64;c</n1:username>\
                   <n1:password><![CDATA[p<w]]></n1:password></n1:login></env:Body>";
        assert_eq!(element_text(xml, "username").as_deref(), Some("a&b@c"));
        assert_eq!(element_text(xml, "password").as_deref(), Some("p<w"));
        assert_eq!(element_text(xml, "token"), None);
        assert_eq!(operation(xml), Some("login"));
        assert_eq!(operation("<e:Envelope><e:Header/><e:Body>\n  <logout xmlns='urn:x'/></e:Body>"), Some("logout"));
        assert_eq!(operation("<e:Envelope>"), None);
        assert_eq!(unescape("&bogus; & done &#x41;"), "&bogus; & done A");
    }
}
