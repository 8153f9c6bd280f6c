/// Where events go: the address part of a configuration or of a request's `UserData.MessageCallback`.
package enum CallbackTarget: Sendable, Hashable {
    /// An HTTP callback, the URL byte for byte as configured.
    case http(url: String)
}

/// What `SetMessageCallback` stored for one account and application (vod-api.md section 4).
package struct CallbackConfiguration: Sendable, Hashable {
    package var account: AccountID
    package var app: AppID
    /// As submitted; only its upper-cased form is judged.
    package var callbackType: String
    /// As submitted, byte for byte: the signature covers it.
    package var callbackURL: String
    /// As submitted: `ALL`, names joined by commas, or empty for none.
    package var eventTypeList: String
    /// As submitted: `on` or `off`.
    package var authSwitch: String
    /// In clear; stores keep it sealed.
    package var authKey: String

    /// A configuration with every text empty but the type.
    package init(account: AccountID, app: AppID) {
        self.account = account
        self.app = app
        callbackType = "HTTP"
        callbackURL = ""
        eventTypeList = ""
        authSwitch = "off"
        authKey = ""
    }

    /// Whether the filter lets an event type through.
    ///
    /// `ALL` lets everything through, empty nothing.
    package func includes(_ type: EventType) -> Bool {
        let wanted = ["all", type.rawValue.lowercased()]
        return eventTypeList.split(separator: ",").contains { wanted.contains($0.filter { $0 != " " }.lowercased()) }
    }

    /// The address, nil while none is set.
    package var target: CallbackTarget? {
        callbackURL.isEmpty ? nil : .http(url: callbackURL)
    }

    /// The key that signs callbacks now, nil while signing is off.
    package var signingKey: String? {
        authSwitch.lowercased() == "on" && !authKey.isEmpty ? authKey : nil
    }
}
