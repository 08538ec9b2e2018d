//! SOAP `login()`, which older clients still sign in with. No other SOAP operation is offered.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::html::escape;
use super::{Web, origin};

/// `POST /services/Soap/u/NN.0`.
pub(crate) async fn login(
    State(web): State<Web>,
    Path(path): Path<Vec<String>>,
    headers: HeaderMap,
    body: String,
) -> Response {
    let version = path.first().map_or("", String::as_str);
    if version.parse::<f32>().is_err() {
        return fault("UNSUPPORTED_API_VERSION", "Invalid API version specified on URL");
    }
    let (Some(username), Some(password)) = (element_text(&body, "username"), element_text(&body, "password")) else {
        return fault("INVALID_OPERATION", "only login with a user name and a password is offered here");
    };
    let now_ms = web.org.now_ms();
    let mut org = web.org.lock();
    let Ok(user_id) = org.authenticate(&username, &password) else {
        return fault("INVALID_LOGIN", "Invalid username, password, security token; or user locked out.");
    };
    let session = org.sign_in(&user_id, now_ms);
    let seconds_valid = (session.expires_ms - now_ms) / 1000;
    let text = |field: &str| {
        let (object, row) = org.record(&user_id)?;
        row.get(object.index_of(field)?).as_text().map(escape)
    };
    let user = |field: &str| text(field).unwrap_or_default();
    let (origin, org_id) = (origin(&headers), org.org_id());
    let org_id15 = org_id.get(..15).unwrap_or(org_id);
    // Salesforce's own Pub/Sub sample reads these elements by position, so their order is part of the contract.
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
         <soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" \
         xmlns=\"urn:partner.soap.sforce.com\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">\
         <soapenv:Body><loginResponse><result>\
         <metadataServerUrl>{origin}/services/Soap/m/{version}/{org_id15}</metadataServerUrl>\
         <passwordExpired>false</passwordExpired>\
         <sandbox>false</sandbox>\
         <serverUrl>{origin}/services/Soap/u/{version}/{org_id15}</serverUrl>\
         <sessionId>{session_id}</sessionId>\
         <userId>{user_id}</userId>\
         <userInfo>\
         <accessibilityMode>false</accessibilityMode>\
         <chatterExternal>false</chatterExternal>\
         <currencySymbol>$</currencySymbol>\
         <orgAttachmentFileSizeLimit>5242880</orgAttachmentFileSizeLimit>\
         <orgDefaultCurrencyIsoCode>USD</orgDefaultCurrencyIsoCode>\
         <orgDefaultCurrencyLocale>en_US</orgDefaultCurrencyLocale>\
         <orgDisallowHtmlAttachments>false</orgDisallowHtmlAttachments>\
         <orgHasPersonAccounts>false</orgHasPersonAccounts>\
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
         <userUiSkin>Theme3</userUiSkin>\
         </userInfo></result></loginResponse></soapenv:Body></soapenv:Envelope>",
        session_id = escape(&session.access_token),
        version = escape(version),
        org_name = escape(org.name()),
        profile = user("ProfileId"),
        email = user("Email"),
        full_name = user("Name"),
        language = user("LanguageLocaleKey"),
        locale = user("LocaleSidKey"),
        username = user("Username"),
        time_zone = user("TimeZoneSidKey"),
    );
    xml(StatusCode::OK, body)
}

fn fault(code: &str, message: &str) -> Response {
    let message = format!("{code}: {message}");
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
         <soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" \
         xmlns:sf=\"urn:fault.partner.soap.sforce.com\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">\
         <soapenv:Body><soapenv:Fault><faultcode>sf:{code}</faultcode><faultstring>{message}</faultstring>\
         <detail><sf:LoginFault xsi:type=\"sf:LoginFault\"><sf:exceptionCode>{code}</sf:exceptionCode>\
         <sf:exceptionMessage>{message}</sf:exceptionMessage></sf:LoginFault></detail>\
         </soapenv:Fault></soapenv:Body></soapenv:Envelope>",
        message = escape(&message),
    );
    xml(StatusCode::INTERNAL_SERVER_ERROR, body)
}

fn xml(status: StatusCode, body: String) -> Response {
    (status, [(header::CONTENT_TYPE, "text/xml;charset=UTF-8")], body).into_response()
}

/// The text of the first element with this local name, whatever its prefix. Enough for `login`, whose elements do not nest.
fn element_text(xml: &str, name: &str) -> Option<String> {
    let mut rest = xml;
    while let Some(open) = rest.find('<') {
        rest = &rest[open + 1..];
        let end = rest.find('>')?;
        let tag = rest[..end].split_whitespace().next().unwrap_or("");
        let content = &rest[end + 1..];
        if tag.rsplit(':').next() == Some(name) && !tag.starts_with('/') {
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

fn unescape(text: &str) -> String {
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
        assert_eq!(unescape("&bogus; & done &#x41;"), "&bogus; & done A");
    }
}
