using System.Globalization;
using System.Text;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Protocols.Tls;

/// <summary>Keywords whose arguments only TLS understands.</summary>
internal static class TlsKeywords
{
    public static readonly KeywordDescriptor[] All =
    [
        New("tls.version", ParseVersion, "a side's version: 1.0, 1.1, 1.2, 1.3", 0, 0),
        New("ssl_version", ParseVersions, "one of several versions: sslv2, sslv3, tls1.0 … tls1.3; ! negates", 0, 0),
        New("ssl_state", ParseStates, "how far the handshake is: client_hello, server_hello, client_keyx, server_keyx, unknown", 0, 0),
        New("tls.subject", ParseSubject, "text within the certificate's subject", TlsProgress.ClientCertificateDone, TlsProgress.ServerCertificateDone),
        New("tls.issuerdn", ParseIssuer, "text within the certificate's issuer", TlsProgress.ClientCertificateDone, TlsProgress.ServerCertificateDone),
        New("tls.fingerprint", ParseFingerprint, "the certificate's SHA-1", TlsProgress.ClientCertificateDone, TlsProgress.ServerCertificateDone),
        New("tls_cert_notbefore", ParseNotBefore, "when the certificate begins to be valid", TlsProgress.ClientCertificateDone, TlsProgress.ServerCertificateDone),
        New("tls_cert_notafter", ParseNotAfter, "when the certificate ends to be valid", TlsProgress.ClientCertificateDone, TlsProgress.ServerCertificateDone),
        New("tls_cert_expired", ParseExpired, "the certificate has ended", TlsProgress.ClientCertificateDone, TlsProgress.ServerCertificateDone, true),
        New("tls_cert_valid", ParseValid, "the certificate is within its time", TlsProgress.ClientCertificateDone, TlsProgress.ServerCertificateDone, true),
        New("tls.store", ParseStore, "have the certificates stored", TlsProgress.ClientCertificateDone, TlsProgress.ServerCertificateDone, true, ["tls_store"], isStore: true),
    ];

    private static KeywordDescriptor New(
        string name, KeywordParser parser, string help, byte toServer, byte toClient, bool optional = false, string[]? aliases = null, bool isStore = false) => new()
    {
        Name = name,
        Aliases = aliases ?? [],
        // As in Suricata the times are those of the server's certificate.
        Directions = name.StartsWith("tls_cert_", StringComparison.Ordinal) ? DirectionMask.ToClient : DirectionMask.Both,
        ProgressToServer = toServer,
        ProgressToClient = toClient,
        Parse = parser,
        ArgumentOptional = optional,
        StoresCertificates = isStore,
        NeedsQuotes = name is "tls.subject" or "tls.issuerdn" or "tls.fingerprint",
        Help = help,
    };

    private static TransactionMatcher? ParseVersion(string? argument, out string error)
    {
        error = "";
        ushort version = argument?.Trim().Trim('"') switch
        {
            "1.0" => TlsTables.Tls10,
            "1.1" => TlsTables.Tls11,
            "1.2" => TlsTables.Tls12,
            "1.3" => TlsTables.Tls13,
            "0x0301" => TlsTables.Tls10,
            "0x0302" => TlsTables.Tls11,
            "0x0303" => TlsTables.Tls12,
            "0x0304" => TlsTables.Tls13,
            _ => 0,
        };
        if (version == 0)
        {
            error = $"«{argument}» is no TLS version, expected 1.0, 1.1, 1.2 or 1.3";
            return null;
        }

        return new VersionMatcher(1 << VersionBit(version), false);
    }

    private static TransactionMatcher? ParseVersions(string? argument, out string error)
    {
        error = "";
        int listed = 0;
        bool isNegated = false;
        foreach (string part in (argument ?? "").Trim().Trim('"').Split(','))
        {
            string name = part.Trim();
            if (name.StartsWith('!') && listed == 0)
            {
                // One sign before the list negates all of it.
                isNegated = true;
                name = name[1..].Trim();
            }

            int bit = name.ToLowerInvariant() switch
            {
                "sslv2" => VersionBit(TlsTables.Sslv2),
                "sslv3" => VersionBit(TlsTables.Sslv3),
                "tls1.0" => VersionBit(TlsTables.Tls10),
                "tls1.1" => VersionBit(TlsTables.Tls11),
                "tls1.2" => VersionBit(TlsTables.Tls12),
                "tls1.3" => VersionBit(TlsTables.Tls13),
                _ => -1,
            };
            if (bit < 0)
            {
                error = $"«{name}» is no version, expected sslv2, sslv3, tls1.0, tls1.1, tls1.2 or tls1.3";
                return null;
            }

            if ((listed >> bit & 1) != 0)
            {
                error = $"«{name}» is given twice";
                return null;
            }

            listed |= 1 << bit;
        }

        return new VersionMatcher(listed, isNegated);
    }

    private static int VersionBit(ushort version) => version switch
    {
        TlsTables.Sslv2 => 0,
        TlsTables.Sslv3 => 1,
        TlsTables.Tls10 => 2,
        TlsTables.Tls11 => 3,
        TlsTables.Tls12 => 4,
        _ => TlsTables.IsTls13(version) ? 5 : 30,
    };

    private static TransactionMatcher? ParseStates(string? argument, out string error)
    {
        error = "";
        int wanted = 0;
        int unwanted = 0;
        foreach (string part in (argument ?? "").Trim().Trim('"').Split([',', '|']))
        {
            string name = part.Trim();
            bool isNegated = name.StartsWith('!');
            name = isNegated ? name[1..].Trim() : name;
            int bit = name switch
            {
                "client_hello" => 1,
                "server_hello" => 2,
                "client_keyx" => 4,
                "server_keyx" => 8,
                "unknown" => 16,
                _ => 0,
            };
            if (bit == 0)
            {
                error = $"«{name}» is no state, expected client_hello, server_hello, client_keyx, server_keyx or unknown";
                return null;
            }

            wanted |= isNegated ? 0 : bit;
            unwanted |= isNegated ? bit : 0;
        }

        return new StateMatcher(wanted, unwanted);
    }

    private static TransactionMatcher? ParseSubject(string? argument, out string error) => ParseText(argument, isIssuer: false, out error);

    private static TransactionMatcher? ParseIssuer(string? argument, out string error) => ParseText(argument, isIssuer: true, out error);

    private static TextMatcher? ParseText(string? argument, bool isIssuer, out string error)
    {
        error = "";
        string text = (argument ?? "").Trim();
        bool isNegated = text.StartsWith('!');
        text = (isNegated ? text[1..] : text).Trim().Trim('"');
        if (text.Length == 0)
        {
            error = "a text was expected";
            return null;
        }

        return new TextMatcher(Encoding.UTF8.GetBytes(text), isIssuer, isNegated);
    }

    private static TransactionMatcher? ParseFingerprint(string? argument, out string error)
    {
        error = "";
        string text = (argument ?? "").Trim();
        bool isNegated = text.StartsWith('!');
        text = (isNegated ? text[1..] : text).Trim().Trim('"').ToLowerInvariant();
        if (text.Length != 59)
        {
            error = "a fingerprint has 59 characters, 20 bytes as aa:bb:…";
            return null;
        }

        return new FingerprintMatcher(Encoding.ASCII.GetBytes(text), isNegated);
    }

    private static TransactionMatcher? ParseNotBefore(string? argument, out string error) => ParseDate(argument, isNotAfter: false, out error);

    private static TransactionMatcher? ParseNotAfter(string? argument, out string error) => ParseDate(argument, isNotAfter: true, out error);

    /// <summary><c>2015</c>, <c>2015-10-22 23:59:59</c>, <c>&lt;2015</c>, <c>&gt;2015</c>, <c>2005&lt;&gt;2015</c>, <c>1445852105</c>; UTC.</summary>
    private static DateMatcher? ParseDate(string? argument, bool isNotAfter, out string error)
    {
        error = "";
        string text = (argument ?? "").Trim().Trim('"').Trim();
        int between = text.IndexOf("<>", StringComparison.Ordinal);
        long low = long.MinValue;
        long high = long.MaxValue;
        bool isValid;
        if (between > 0)
        {
            isValid = TryDate(text[..between], out low) & TryDate(text[(between + 2)..], out high) && low < high;
            low++;
            high--;
        }
        else if (text.StartsWith('<'))
        {
            isValid = TryDate(text[1..], out high);
            high--;
        }
        else if (text.StartsWith('>'))
        {
            isValid = TryDate(text[1..], out low);
            low++;
        }
        else
        {
            isValid = TryDate(text, out low);
            high = low;
        }

        if (!isValid)
        {
            error = $"«{argument}» is no date, expected 2015, 2015-10, 2015-10-22, 2015-10-22 23:59:59 or seconds since 1970 with <, > or <>";
            return null;
        }

        return new DateMatcher(low, high, isNotAfter);
    }

    private static bool TryDate(string text, out long seconds)
    {
        text = text.Trim();
        if (text.Length is > 0 and not 4 && !text.AsSpan().ContainsAnyExceptInRange('0', '9'))
        {
            return long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out seconds);
        }

        string[] formats = ["yyyy-M-d'T'H:m:s", "yyyy-M-d H:m:s", "yyyy-M-d'T'H:m", "yyyy-M-d H:m", "yyyy-M-d'T'H", "yyyy-M-d H", "yyyy-M-d", "yyyy-M", "yyyy"];
        bool isValid = DateTime.TryParseExact(
            text, formats, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out DateTime date);
        seconds = isValid ? (date.Ticks - DateTime.UnixEpoch.Ticks) / TimeSpan.TicksPerSecond : 0;
        return isValid;
    }

    private static TransactionMatcher? ParseExpired(string? argument, out string error) => WithoutArgument(argument, new ValidityMatcher(isValidWanted: false), out error);

    private static TransactionMatcher? ParseValid(string? argument, out string error) => WithoutArgument(argument, new ValidityMatcher(isValidWanted: true), out error);

    private static TransactionMatcher? ParseStore(string? argument, out string error) => WithoutArgument(argument, new StoreMatcher(), out error);

    private static TransactionMatcher? WithoutArgument(string? argument, TransactionMatcher matcher, out string error)
    {
        error = string.IsNullOrEmpty(argument) ? "" : $"«{argument}» is not expected, the keyword takes no argument";
        return error.Length == 0 ? matcher : null;
    }

    private sealed class VersionMatcher(int listed, bool isNegated) : TransactionMatcher
    {
        public override bool Match(Transaction transaction, Direction direction, Flow flow)
        {
            var tls = (TlsTransaction)transaction;

            // Each side's own, as in Suricata: its hello's, and before that the one of its record's head, however little of the record is there.
            ushort version = direction == Direction.ToServer
                ? tls.ClientVersion != 0 ? tls.ClientVersion : tls.IsSslv2Hello ? tls.Version : tls.RecordVersionToServer
                : tls.Server.IsSeen ? tls.Version : tls.RecordVersionToClient;
            return version != 0 && ((listed >> VersionBit(version)) & 1) != 0 != isNegated;
        }
    }

    private sealed class StateMatcher(int wanted, int unwanted) : TransactionMatcher
    {
        public override bool Match(Transaction transaction, Direction direction, Flow flow)
        {
            var tls = (TlsTransaction)transaction;
            int state = (tls.Client.IsSeen ? 1 : 0) | (tls.Server.IsSeen ? 2 : 0)
                | (tls.ProgressToServer >= TlsProgress.ClientHandshakeDone ? 4 : 0)
                | (tls.ProgressToClient >= TlsProgress.ServerHelloDone && !tls.IsResumed ? 8 : 0);
            state = state == 0 ? 16 : state;
            return (wanted == 0 || (state & wanted) != 0) && (state & unwanted) == 0;
        }
    }

    private sealed class TextMatcher(byte[] text, bool isIssuer, bool isNegated) : TransactionMatcher
    {
        public override bool Match(Transaction transaction, Direction direction, Flow flow)
        {
            TlsCertificate certificate = ((TlsTransaction)transaction).Certificate(direction == Direction.ToServer);
            return certificate.IsRead
                && certificate.Text[isIssuer ? certificate.Issuer : certificate.Subject].IndexOf(text) >= 0 != isNegated;
        }
    }

    private sealed class FingerprintMatcher(byte[] text, bool isNegated) : TransactionMatcher
    {
        public override bool Match(Transaction transaction, Direction direction, Flow flow)
        {
            TlsCertificate certificate = ((TlsTransaction)transaction).Certificate(direction == Direction.ToServer);
            return certificate.Fingerprint.Exists && certificate.Text[certificate.Fingerprint].SequenceEqual(text) != isNegated;
        }
    }

    private sealed class DateMatcher(long low, long high, bool isNotAfter) : TransactionMatcher
    {
        public override bool Match(Transaction transaction, Direction direction, Flow flow)
        {
            TlsCertificate certificate = ((TlsTransaction)transaction).Certificate(direction == Direction.ToServer);
            long date = isNotAfter ? certificate.NotAfter : certificate.NotBefore;
            return certificate.IsRead && date >= low && date <= high;
        }
    }

    /// <summary>Judged by the time of the flow's last packet, so that a replay gives the same result.</summary>
    private sealed class ValidityMatcher(bool isValidWanted) : TransactionMatcher
    {
        public override bool Match(Transaction transaction, Direction direction, Flow flow)
        {
            TlsCertificate certificate = ((TlsTransaction)transaction).Certificate(direction == Direction.ToServer);
            long now = flow.LastUs / 1_000_000;
            if (!certificate.IsRead)
            {
                return false;
            }

            return isValidWanted ? now >= certificate.NotBefore && now <= certificate.NotAfter : now > certificate.NotAfter;
        }
    }

    /// <summary>True of any connection: what the keyword does is an effect of the whole rule.</summary>
    private sealed class StoreMatcher : TransactionMatcher
    {
        public override bool Match(Transaction transaction, Direction direction, Flow flow) => true;
    }
}
