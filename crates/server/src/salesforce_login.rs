//! Signing in at Salesforce: by a person in a browser, or by a program with client credentials or a signed assertion. It stores
//! nothing.

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use syncline_model::{
    connection::OrgIdentity,
    connector::{ConnectorError, ErrorKind},
};
use syncline_salesforce::{App, Credentials, Grant, Granted, OAuthClient, Pkce, check_login_url};
use url::Url;

use crate::settings::SalesforceSettings;

/// Path that Salesforce sends browsers back to.
pub const CALLBACK_PATH: &str = "/api/v1/salesforce/callback";

/// Where everybody signs in whose administrator set nothing else: production, and sandboxes.
const PUBLIC_LOGIN_URLS: [&str; 2] = ["https://login.salesforce.com", "https://test.salesforce.com"];

/// How this installation signs in at Salesforce.
#[derive(Clone, Debug)]
pub struct SalesforceLogin {
    settings: SalesforceSettings,
    redirect_uri: String,
}

impl SalesforceLogin {
    /// Browsers come back to `public_url`.
    pub fn new(settings: SalesforceSettings, public_url: &Url) -> Self {
        let redirect_uri = format!("{}{CALLBACK_PATH}", public_url.as_str().trim_end_matches('/'));
        Self { settings, redirect_uri }
    }

    /// Whether there is a client id, so that people can connect in the browser.
    pub fn is_available(&self) -> bool {
        self.settings.app.is_some()
    }

    /// Where Salesforce sends browsers back to; an app that people connect through must allow exactly this.
    pub fn callback_url(&self) -> &str {
        &self.redirect_uri
    }

    /// Login pages to choose from.
    pub fn login_urls(&self) -> Vec<String> {
        match &self.settings.login_url {
            Some(url) => vec![url.clone()],
            None => PUBLIC_LOGIN_URLS.map(str::to_owned).to_vec(),
        }
    }

    /// The login page that was asked for, if it is one of Salesforce's; the first of the choices where none was.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn choose_login_url(&self, asked: Option<String>) -> Result<String, String> {
        let choices = self.login_urls();
        let asked = asked.unwrap_or_else(|| choices[0].clone());
        let url = check_login_url(&asked).map_err(|error| format!("{asked}: {error}"))?;
        // A stranger's server on this machine is no login page, unless the operator named it.
        let is_choice = choices.iter().any(|choice| check_login_url(choice).is_ok_and(|choice| choice == url));
        if !is_choice && url.scheme() != "https" {
            return Err(format!("`{asked}` is no login page of Salesforce."));
        }
        Ok(url.as_str().trim_end_matches('/').to_owned())
    }

    /// Where to send the browser, and the secret that only its return can be finished with.
    ///
    /// # Errors
    /// [`ErrorKind::Misconfigured`] where there is no client id.
    pub fn begin(&self, login_url: &str, state: &str) -> Result<(Url, SecretString), ConnectorError> {
        let pkce = Pkce::new();
        Ok((self.client(login_url, None)?.authorize_url(&self.redirect_uri, state, &pkce), pkce.verifier))
    }

    /// Trades the code that the browser came back with for a grant.
    ///
    /// # Errors
    /// As Salesforce says.
    pub async fn exchange(
        &self,
        login_url: &str,
        code: &str,
        verifier: &SecretString,
        now: Timestamp,
    ) -> Result<(OrgIdentity, SecretString), ConnectorError> {
        Ok(kept(self.client(login_url, None)?.exchange_code(code, &self.redirect_uri, verifier, now).await?))
    }

    /// Signs in as the user that the app itself names.
    ///
    /// # Errors
    /// As Salesforce says.
    pub async fn client_credentials(
        &self,
        login_url: &str,
        app: App,
    ) -> Result<(OrgIdentity, SecretString), ConnectorError> {
        Ok(kept(self.client(login_url, Some(app))?.connect_with_client_credentials().await?))
    }

    /// Signs in as `username`, for whom an administrator has approved the app; `private_key` is that of the app's certificate, as PEM.
    ///
    /// # Errors
    /// As Salesforce says, or what is wrong with the key.
    pub async fn jwt_bearer(
        &self,
        login_url: &str,
        client_id: String,
        username: &str,
        private_key: SecretString,
        now: Timestamp,
    ) -> Result<(OrgIdentity, SecretString), ConnectorError> {
        let app = App { client_id, client_secret: SecretString::default() };
        Ok(kept(self.client(login_url, Some(app))?.connect_with_jwt(username, private_key, now).await?))
    }

    /// Takes back what the credentials allow.
    ///
    /// # Errors
    /// Where Salesforce does not answer, or the credentials can not be read.
    pub async fn revoke(&self, login_url: &str, credentials: &SecretString) -> Result<(), ConnectorError> {
        let unreadable =
            |error: syncline_salesforce::CredentialError| misconfigured(format!("nothing to revoke: {error}"));
        let credentials = Credentials::from_json(credentials.expose_secret()).map_err(unreadable)?;
        self.client(login_url, app_of(&credentials.grant))?.revoke(&credentials).await
    }

    /// The client for a connection's own calls.
    ///
    /// # Errors
    /// [`ErrorKind::Misconfigured`] where neither the grant nor the settings name an app.
    pub fn client(&self, login_url: &str, app: Option<App>) -> Result<OAuthClient, ConnectorError> {
        let app = app.or_else(|| self.settings.app.clone()).ok_or_else(|| {
            misconfigured("this server has no Salesforce client id any more (SYNCLINE_SALESFORCE_CLIENT_ID)")
        })?;
        OAuthClient::new(login_url, app, self.settings.extra_ca.as_deref())
    }

    /// What calls to Salesforce need to know.
    pub fn settings(&self) -> &SalesforceSettings {
        &self.settings
    }
}

/// The app that a grant belongs to, where the grant itself says.
pub fn app_of(grant: &Grant) -> Option<App> {
    match grant {
        Grant::RefreshToken(_) => None,
        Grant::ClientCredentials { client_id, client_secret } => {
            Some(App { client_id: client_id.clone(), client_secret: client_secret.clone() })
        }
        Grant::JwtBearer { client_id, .. } => {
            Some(App { client_id: client_id.clone(), client_secret: SecretString::default() })
        }
    }
}

/// An error of Salesforce with what it means and what to do about it, where that is known.
pub fn in_words(error: &ConnectorError) -> String {
    match error.advice {
        Some(advice) => format!("{error}. {}. {}", advice.cause, advice.remedy),
        None => error.to_string(),
    }
}

fn kept(granted: Granted) -> (OrgIdentity, SecretString) {
    let credentials = granted.credentials.to_json();
    (granted.identity, credentials)
}

fn misconfigured(words: impl Into<String>) -> ConnectorError {
    ConnectorError::new(ErrorKind::Misconfigured, "", words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(login_url: Option<&str>) -> SalesforceLogin {
        let settings = SalesforceSettings { login_url: login_url.map(str::to_owned), ..SalesforceSettings::default() };
        SalesforceLogin::new(settings, &Url::parse("https://sync.example/").unwrap())
    }

    #[test]
    fn only_salesforce_and_what_the_operator_named_are_login_pages() {
        let public = login(None);
        assert_eq!(public.choose_login_url(None).unwrap(), "https://login.salesforce.com");
        let own = public.choose_login_url(Some("https://acme.my.salesforce.com/".into()));
        assert_eq!(own.unwrap(), "https://acme.my.salesforce.com");
        for stranger in ["http://127.0.0.1:9", "https://evil.test", "nonsense"] {
            assert!(public.choose_login_url(Some(stranger.into())).is_err(), "{stranger}");
        }
        assert_eq!(login(Some("http://127.0.0.1:9")).choose_login_url(None).unwrap(), "http://127.0.0.1:9");
    }
}
