/// Certificates for TLS origins on loopback, made for tests only and worth nothing elsewhere.
///
/// The key belongs to every leaf. All but the expired one are valid from 2020 to 2120.
package enum TestCertificates {
    /// The authority that signed the leaves; trust it by the setting for extra certificates.
    package static let authority = """
        -----BEGIN CERTIFICATE-----
        MIIBZjCCAQ2gAwIBAgIBATAKBggqhkjOPQQDAjAaMRgwFgYDVQQDDA9Ub3dsaW5l
        IHRlc3QgQ0EwIBcNMjAwMTAxMDAwMDAwWhgPMjEyMDAxMDEwMDAwMDBaMBoxGDAW
        BgNVBAMMD1Rvd2xpbmUgdGVzdCBDQTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IA
        BOk31dXD0HO6geAIIj1d+mMg5ODEMTRULmCy3soE8sb923TLKz1TvwC6a/cfHhgZ
        K+ek0yQkV14/MddoANI3thejQjBAMA8GA1UdEwEB/wQFMAMBAf8wDgYDVR0PAQH/
        BAQDAgEGMB0GA1UdDgQWBBSNnZM/V0nxKd6EsUdD0lQDFx+IAjAKBggqhkjOPQQD
        AgNHADBEAiBT29M6Ap/bPweS9SuwfAuAW45SL+11eq922LjCTEepMQIgRePxiJJV
        pcuX57o459H4az3UdX1utY8ShWatYSPNemU=
        -----END CERTIFICATE-----
        """

    /// A leaf for `origin.test` and 127.0.0.1.
    package static let leaf = """
        -----BEGIN CERTIFICATE-----
        MIIBhTCCASugAwIBAgIBAjAKBggqhkjOPQQDAjAaMRgwFgYDVQQDDA9Ub3dsaW5l
        IHRlc3QgQ0EwIBcNMjAwMTAxMDAwMDAwWhgPMjEyMDAxMDEwMDAwMDBaMBYxFDAS
        BgNVBAMMC29yaWdpbi50ZXN0MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE+8Xc
        8STtyzJIFHc8jDR4dU3+1Vqi1+YUYAJC2M6RZ1xBZMLB2AXWACdyx+Uaw7i0H7X0
        osSIWFa8bnyKbIufvaNkMGIwDAYDVR0TAQH/BAIwADAcBgNVHREEFTATggtvcmln
        aW4udGVzdIcEfwAAATATBgNVHSUEDDAKBggrBgEFBQcDATAfBgNVHSMEGDAWgBSN
        nZM/V0nxKd6EsUdD0lQDFx+IAjAKBggqhkjOPQQDAgNIADBFAiEAkKRKMxkKCBip
        rT1OOh0ul5L1W3X2ZY5aR9oK7MB9sqUCIGaBgT8IsktbR3AxYjCAc7QArvJuvpfo
        ExVjDIlqYd3p
        -----END CERTIFICATE-----
        """

    /// A leaf for the same names that expired in 2021.
    package static let expiredLeaf = """
        -----BEGIN CERTIFICATE-----
        MIIBgjCCASmgAwIBAgIBAzAKBggqhkjOPQQDAjAaMRgwFgYDVQQDDA9Ub3dsaW5l
        IHRlc3QgQ0EwHhcNMjAwMTAxMDAwMDAwWhcNMjEwMTAxMDAwMDAwWjAWMRQwEgYD
        VQQDDAtvcmlnaW4udGVzdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABPvF3PEk
        7csySBR3PIw0eHVN/tVaotfmFGACQtjOkWdcQWTCwdgF1gAncsflGsO4tB+19KLE
        iFhWvG58imyLn72jZDBiMAwGA1UdEwEB/wQCMAAwHAYDVR0RBBUwE4ILb3JpZ2lu
        LnRlc3SHBH8AAAEwEwYDVR0lBAwwCgYIKwYBBQUHAwEwHwYDVR0jBBgwFoAUjZ2T
        P1dJ8SnehLFHQ9JUAxcfiAIwCgYIKoZIzj0EAwIDRwAwRAIgd65g55MPdP0vNrOn
        w+mU4xlUA56+w10atgybDMrTlugCIBy/87eMmt487ew3i28p3aWNVRLX/dyjOv6y
        uhXrusS9
        -----END CERTIFICATE-----
        """

    /// A leaf for `other.test` only.
    package static let otherNameLeaf = """
        -----BEGIN CERTIFICATE-----
        MIIBfjCCASSgAwIBAgIBBDAKBggqhkjOPQQDAjAaMRgwFgYDVQQDDA9Ub3dsaW5l
        IHRlc3QgQ0EwIBcNMjAwMTAxMDAwMDAwWhgPMjEyMDAxMDEwMDAwMDBaMBYxFDAS
        BgNVBAMMC29yaWdpbi50ZXN0MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE+8Xc
        8STtyzJIFHc8jDR4dU3+1Vqi1+YUYAJC2M6RZ1xBZMLB2AXWACdyx+Uaw7i0H7X0
        osSIWFa8bnyKbIufvaNdMFswDAYDVR0TAQH/BAIwADAVBgNVHREEDjAMggpvdGhl
        ci50ZXN0MBMGA1UdJQQMMAoGCCsGAQUFBwMBMB8GA1UdIwQYMBaAFI2dkz9XSfEp
        3oSxR0PSVAMXH4gCMAoGCCqGSM49BAMCA0gAMEUCICEzxnhB+c7g/seaLGRYpJRX
        FfQa0FOjCfhO57AEdDkMAiEAwCD/y6rAFhBEhBBw+J6M1gdX44+4trL8KLR2KD2j
        SUk=
        -----END CERTIFICATE-----
        """

    /// A leaf for the names of ``leaf`` that signed itself.
    package static let selfSignedLeaf = """
        -----BEGIN CERTIFICATE-----
        MIIBUTCB+KADAgECAgEFMAoGCCqGSM49BAMCMBYxFDASBgNVBAMMC29yaWdpbi50
        ZXN0MCAXDTIwMDEwMTAwMDAwMFoYDzIxMjAwMTAxMDAwMDAwWjAWMRQwEgYDVQQD
        DAtvcmlnaW4udGVzdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABPvF3PEk7csy
        SBR3PIw0eHVN/tVaotfmFGACQtjOkWdcQWTCwdgF1gAncsflGsO4tB+19KLEiFhW
        vG58imyLn72jNTAzMBwGA1UdEQQVMBOCC29yaWdpbi50ZXN0hwR/AAABMBMGA1Ud
        JQQMMAoGCCsGAQUFBwMBMAoGCCqGSM49BAMCA0gAMEUCICoy2989g1ZtoFk8iwJX
        7fVx6zyZO8YAl6zHxVZudw05AiEAnsHKvPCUdLt3Kq8tYRYw1dAzYA3OlIPQ0JTt
        4b43s2I=
        -----END CERTIFICATE-----
        """

    /// The private key of the leaves.
    package static let key = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgew7PcjET6VELXuYl
        6XIYQKEd2V0Q0g2gT7L9XECIQPehRANCAAT7xdzxJO3LMkgUdzyMNHh1Tf7VWqLX
        5hRgAkLYzpFnXEFkwsHYBdYAJ3LH5RrDuLQftfSixIhYVrxufIpsi5+9
        -----END PRIVATE KEY-----
        """
}
