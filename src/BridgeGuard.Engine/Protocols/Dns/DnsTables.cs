namespace BridgeGuard.Engine.Protocols.Dns;

/// <summary>Names of code points (IANA DNS parameters) as EVE writes and rules read them.</summary>
internal static class DnsTables
{
    public static readonly (string Name, ulong Value)[] ResponseCodes =
    [
        ("NOERROR", 0), ("FORMERR", 1), ("SERVFAIL", 2), ("NXDOMAIN", 3), ("NOTIMP", 4), ("REFUSED", 5), ("YXDOMAIN", 6), ("YXRRSET", 7),
        ("NXRRSET", 8), ("NOTAUTH", 9), ("NOTZONE", 10), ("BADVERS/BADSIG", 16), ("BADKEY", 17), ("BADTIME", 18), ("BADMODE", 19),
        ("BADNAME", 20), ("BADALG", 21), ("BADTRUNC", 22),
    ];

    public static readonly (string Name, ulong Value)[] RecordTypes =
    [
        ("A", 1), ("NS", 2), ("MD", 3), ("MF", 4), ("CNAME", 5), ("SOA", 6), ("MB", 7), ("MG", 8), ("MR", 9), ("NULL", 10), ("WKS", 11),
        ("PTR", 12), ("HINFO", 13), ("MINFO", 14), ("MX", 15), ("TXT", 16), ("RP", 17), ("AFSDB", 18), ("X25", 19), ("ISDN", 20), ("RT", 21),
        ("NSAP", 22), ("NSAPPTR", 23), ("SIG", 24), ("KEY", 25), ("PX", 26), ("GPOS", 27), ("AAAA", 28), ("LOC", 29), ("NXT", 30),
        ("SRV", 33), ("ATMA", 34), ("NAPTR", 35), ("KX", 36), ("CERT", 37), ("A6", 38), ("DNAME", 39), ("OPT", 41), ("APL", 42), ("DS", 43),
        ("SSHFP", 44), ("IPSECKEY", 45), ("RRSIG", 46), ("NSEC", 47), ("DNSKEY", 48), ("DHCID", 49), ("NSEC3", 50), ("NSEC3PARAM", 51),
        ("TLSA", 52), ("HIP", 55), ("CDS", 59), ("CDNSKEY", 60), ("HTTPS", 65), ("SPF", 99), ("TKEY", 249), ("TSIG", 250), ("MAILA", 254),
        ("ANY", 255), ("URI", 256),
    ];

    private static readonly byte[]?[] TypeNames = Index(RecordTypes, 257);
    private static readonly byte[]?[] CodeNames = Index(ResponseCodes, 32);

    /// <summary>The type's name; empty when it has none.</summary>
    public static ReadOnlySpan<byte> TypeName(ushort type) => type < TypeNames.Length ? TypeNames[type] : default;

    public static ReadOnlySpan<byte> CodeName(ushort code) => code < CodeNames.Length ? CodeNames[code] : default;

    private static byte[]?[] Index((string Name, ulong Value)[] names, int size)
    {
        var index = new byte[size][];
        foreach ((string name, ulong value) in names)
        {
            index[value] = System.Text.Encoding.ASCII.GetBytes(name);
        }

        return index;
    }
}
