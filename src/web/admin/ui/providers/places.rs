//! Where one registers this server as a client of a provider, and what to mind there. For people; the server itself does
//! not need it.

/// What to know before the fields are filled in.
pub struct Place {
    /// Where it is registered
    pub how: &'static str,
    /// The page for it, where every account has the same
    pub link: Option<&'static str>,
    /// What agents can ask for
    pub scope: &'static str,
    /// What goes wrong otherwise
    pub mind: &'static str,
}

const USUAL: Place = Place {
    how: "In the administration of the provider, as a confidential web client.",
    link: None,
    scope: "As the provider calls them.",
    mind: "",
};

/// The place of a preset.
pub fn of(preset: &str) -> Place {
    match preset {
        "google" => Place {
            how: "In the Google Cloud console under APIs & Services, Credentials: an OAuth client of the type Web application. Enable the APIs that agents need, and add their scopes to the consent screen.",
            link: Some("https://console.cloud.google.com/apis/credentials"),
            scope: "Such as https://www.googleapis.com/auth/calendar.readonly. Not email, profile or offline_access: the server asks for what it needs.",
            mind: "While the app is in Testing, Google ends refresh tokens after 7 days.",
        },
        "microsoft" => Place {
            how: "In the Microsoft Entra admin center under App registrations, with a redirect URI of the type Web. The secret is made under Certificates & secrets.",
            link: Some("https://entra.microsoft.com"),
            scope: "Such as Calendars.Read. One access token is for one resource: do not mix scopes of several APIs.",
            ..USUAL
        },
        "github" => Place {
            how: "On GitHub under Settings, Developer settings, OAuth Apps.",
            link: Some("https://github.com/settings/developers"),
            scope: "Such as repo or read:org.",
            ..USUAL
        },
        "github_app" => Place {
            how: "On GitHub under Settings, Developer settings, GitHub Apps. Permissions stand at the app, and people may have to install it first.",
            link: Some("https://github.com/settings/apps"),
            scope: "None: permissions stand at the app.",
            ..USUAL
        },
        "gitlab" => Place {
            how: "In GitLab under Preferences, Applications (or of a group, or of the instance): Confidential, with openid, profile, email, and what agents need.",
            scope: "Such as read_api.",
            ..USUAL
        },
        "slack" => Place {
            how: "At Slack under OAuth & Permissions of an app: Redirect URLs, and User Token Scopes.",
            link: Some("https://api.slack.com/apps"),
            scope: "User token scopes, such as channels:read. Slack refuses to ask for nothing, so there must be one.",
            mind: "Leave PKCE off at Slack: an app that has it on is a public client for ever.",
        },
        "atlassian" => Place {
            how: "In the developer console as an OAuth 2.0 integration. Add the User identity API for read:me.",
            link: Some("https://developer.atlassian.com/console/myapps"),
            scope: "Such as read:jira-work.",
            ..USUAL
        },
        "notion" => Place {
            how: "At Notion as a public integration.",
            link: Some("https://www.notion.so/my-integrations"),
            scope: "None: capabilities stand at the integration, and people pick pages.",
            ..USUAL
        },
        "salesforce" => Place {
            how: "In Setup under External Client Apps, with OAuth. Allow Access the identity URL service, Access unique user identifiers, Perform requests at any time, and what agents need.",
            scope: "Such as api.",
            ..USUAL
        },
        "dropbox" => Place {
            how: "In the app console, Scoped access. Tick account_info.read, and what agents need.",
            link: Some("https://www.dropbox.com/developers/apps"),
            scope: "Such as files.content.read.",
            ..USUAL
        },
        "discord" => Place {
            how: "In the developer portal under OAuth2 of an application.",
            link: Some("https://discord.com/developers/applications"),
            scope: "Such as guilds.",
            mind: "Taking one connection back ends everything that the person gave this application at Discord.",
        },
        "linkedin" => Place {
            how: "In the developer portal, with the product Sign In with LinkedIn using OpenID Connect, and those that agents need.",
            link: Some("https://www.linkedin.com/developers/apps"),
            mind: "Leave PKCE off: LinkedIn refuses it. Without being a partner people are asked again after 60 days.",
            ..USUAL
        },
        "zoom" => Place {
            how: "In the App Marketplace under Develop: a General app that is managed by users. Add user:read:user.",
            link: Some("https://marketplace.zoom.us"),
            scope: "None: scopes stand at the app.",
            ..USUAL
        },
        "spotify" => Place {
            how: "In the dashboard for developers.",
            link: Some("https://developer.spotify.com/dashboard"),
            scope: "Such as playlist-read-private.",
            mind: "Spotify asks people again 6 months after they consented.",
        },
        "okta" => Place {
            how: "In the admin console under Applications: an OIDC app of the type Web Application, with the grant Refresh Token.",
            ..USUAL
        },
        "auth0" => Place {
            how: "In the dashboard under Applications: a Regular Web Application, with the grant Refresh Token. An API must allow Offline Access.",
            ..USUAL
        },
        "gatehouse" => Place {
            how: "In the administration of the other server: register a web application with this address.",
            scope: "Such as openid profile.",
            ..USUAL
        },
        _ => USUAL,
    }
}
