using System.Globalization;
using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Flows;

namespace BridgeGuard.Engine.Protocols.Tls;

/// <summary>Writes the <c>tls</c> object.</summary>
/// <remarks>
/// Options: <c>extended</c>, <c>custom</c> (a list of fields), <c>session-resumption</c>, which is on as soon as the type has any option. As in Suricata 8.0.8
/// JA4 stands in every extended record, whatever <c>ja4-fingerprints</c> says of rules.
/// </remarks>
internal sealed class TlsEve : EveLogger
{
    public override string EventType => "tls";

    public override byte ProgressToServer => TlsProgress.ClientHandshakeDone;

    public override byte ProgressToClient => TlsProgress.ServerHandshakeDone;

    public override bool Write(EveWriter writer, Transaction transaction, Flow flow, EveDetail detail)
    {
        var tls = (TlsTransaction)transaction;
        ProtocolSettings options = writer.Options;
        if (detail == EveDetail.Record && !IsWorthARecord(tls, options))
        {
            return false;
        }

        writer.StartObject("tls"u8);
        if (detail == EveDetail.Alert)
        {
            WriteNames(writer, tls);
            WriteExtended(writer, tls, options);
        }
        else if (options.Get("custom.0") is not null || options.Get("custom") is not null)
        {
            WriteCustom(writer, tls, options);
        }
        else
        {
            WriteBasic(writer, tls, isWhole: options.GetBool("extended", false));
            if (options.GetBool("extended", false))
            {
                WriteExtended(writer, tls, options);
            }
        }

        if (ProtocolCatalog.Get(flow.AppOriginal) is { } original)
        {
            writer.Text("from_proto"u8, EventEmitter.AppName(original.Id));
        }

        writer.EndObject();
        return true;
    }

    /// <summary>Without certificate and without resumption there was no handshake, unless it was TLS 1.3's.</summary>
    private static bool IsWorthARecord(TlsTransaction tls, ProtocolSettings options)
    {
        if (tls.ServerCertificate.IsRead || (TlsTables.IsTls13(tls.Version) && tls.Server.IsSeen))
        {
            return true;
        }

        return tls.IsResumed && TellsResumption(options);
    }

    private static bool TellsResumption(ProtocolSettings options) => options.GetBool("session-resumption", !options.IsEmpty);

    private static void WriteBasic(EveWriter writer, TlsTransaction tls, bool isWhole)
    {
        WriteNames(writer, tls);
        if (!isWhole)
        {
            WriteAltNames(writer, tls.ServerCertificate);
        }

        WriteResumed(writer, tls);
    }

    private static void WriteNames(EveWriter writer, TlsTransaction tls)
    {
        WriteText(writer, "subject"u8, tls.ServerCertificate, tls.ServerCertificate.Subject);
        WriteText(writer, "issuerdn"u8, tls.ServerCertificate, tls.ServerCertificate.Issuer);
    }

    private static void WriteResumed(EveWriter writer, TlsTransaction tls)
    {
        if (tls.IsResumed)
        {
            writer.Bool("session_resumed"u8, true);
        }
    }

    private static void WriteExtended(EveWriter writer, TlsTransaction tls, ProtocolSettings options)
    {
        TlsCertificate certificate = tls.ServerCertificate;
        WriteAltNames(writer, certificate);
        WriteText(writer, "serial"u8, certificate, certificate.Serial);
        WriteText(writer, "fingerprint"u8, certificate, certificate.IsRead ? certificate.Fingerprint : Pools.Slice.None);
        WriteSni(writer, tls);
        WriteVersion(writer, "version"u8, tls.VersionSoFar);
        if (certificate.IsRead)
        {
            WriteTime(writer, "notbefore"u8, certificate.NotBefore);
            WriteTime(writer, "notafter"u8, certificate.NotAfter);
        }

        WriteJa3(writer, tls);
        WriteJa3S(writer, tls);
        WriteJa4(writer, tls);
        WriteAlpns(writer, "client_alpns"u8, tls.Client);
        WriteAlpns(writer, "server_alpns"u8, tls.Server);
        WriteClient(writer, tls.ClientCertificate, options);
    }

    private static void WriteCustom(EveWriter writer, TlsTransaction tls, ProtocolSettings options)
    {
        if (TellsResumption(options) || HasCustom(options, "session_resumed"))
        {
            WriteResumed(writer, tls);
        }

        foreach (KeyValuePair<string, string> option in options.All)
        {
            if (option.Key.StartsWith("custom", StringComparison.Ordinal))
            {
                WriteField(writer, tls, option.Value, options);
            }
        }
    }

    private static void WriteField(EveWriter writer, TlsTransaction tls, string field, ProtocolSettings options)
    {
        TlsCertificate certificate = tls.ServerCertificate;
        switch (field)
        {
            case "subject":
                WriteText(writer, "subject"u8, certificate, certificate.Subject);
                break;
            case "issuer":
                WriteText(writer, "issuerdn"u8, certificate, certificate.Issuer);
                break;
            case "serial":
                WriteText(writer, "serial"u8, certificate, certificate.Serial);
                break;
            case "fingerprint" when certificate.IsRead:
                WriteText(writer, "fingerprint"u8, certificate, certificate.Fingerprint);
                break;
            case "sni":
                WriteSni(writer, tls);
                break;
            case "version":
                WriteVersion(writer, "version"u8, tls.VersionSoFar);
                break;
            case "not_before" when certificate.IsRead:
                WriteTime(writer, "notbefore"u8, certificate.NotBefore);
                break;
            case "not_after" when certificate.IsRead:
                WriteTime(writer, "notafter"u8, certificate.NotAfter);
                break;
            case "certificate" when certificate.IsRead:
                WriteDer(writer, certificate);
                break;
            case "chain" when certificate.IsRead:
                WriteChain(writer, certificate);
                break;
            case "ja3":
                WriteJa3(writer, tls);
                break;
            case "ja3s":
                WriteJa3S(writer, tls);
                break;
            case "ja4":
                WriteJa4(writer, tls);
                break;
            case "subjectaltname":
                WriteAltNames(writer, certificate);
                break;
            case "client":
                WriteClient(writer, tls.ClientCertificate, options);
                break;
            case "client_alpns":
                WriteAlpns(writer, "client_alpns"u8, tls.Client);
                break;
            case "server_alpns":
                WriteAlpns(writer, "server_alpns"u8, tls.Server);
                break;
            case "client_handshake":
                WriteHandshake(writer, "client_handshake"u8, tls.Client, isClient: true);
                break;
            case "server_handshake":
                WriteHandshake(writer, "server_handshake"u8, tls.Server, isClient: false);
                break;
        }
    }

    private static void WriteClient(EveWriter writer, TlsCertificate certificate, ProtocolSettings options)
    {
        if (!certificate.IsRead)
        {
            return;
        }

        writer.StartObject("client"u8);
        WriteText(writer, "subject"u8, certificate, certificate.Subject);
        WriteText(writer, "issuerdn"u8, certificate, certificate.Issuer);
        WriteText(writer, "fingerprint"u8, certificate, certificate.Fingerprint);
        WriteText(writer, "serial"u8, certificate, certificate.Serial);
        WriteTime(writer, "notbefore"u8, certificate.NotBefore);
        WriteTime(writer, "notafter"u8, certificate.NotAfter);
        if (HasCustom(options, "client_certificate"))
        {
            WriteDer(writer, certificate);
        }

        if (HasCustom(options, "client_chain"))
        {
            WriteChain(writer, certificate);
        }

        writer.EndObject();
    }

    private static bool HasCustom(ProtocolSettings options, string field)
    {
        foreach (KeyValuePair<string, string> option in options.All)
        {
            if (option.Value == field && option.Key.StartsWith("custom", StringComparison.Ordinal))
            {
                return true;
            }
        }

        return false;
    }

    private static void WriteHandshake(EveWriter writer, ReadOnlySpan<byte> property, TlsHello hello, bool isClient)
    {
        if (!hello.IsSeen)
        {
            return;
        }

        writer.StartObject(property);
        if (hello.Version != 0)
        {
            // Of the server the version of the header, which TLS 1.3 leaves at 1.2.
            WriteVersion(writer, "version"u8, isClient && hello.SupportedVersion != 0 ? hello.SupportedVersion : hello.Version);
        }

        if (isClient)
        {
            WriteCodes(writer, "ciphers"u8, hello.Ciphers);
        }
        else if (hello.Ciphers.Count > 0)
        {
            writer.Number("cipher"u8, (long)hello.Ciphers.Values[0]);
        }

        WriteCodes(writer, "exts"u8, hello.Extensions);
        if (isClient)
        {
            WriteCodes(writer, "sig_algs"u8, hello.SignatureAlgorithms);
        }

        writer.EndObject();
    }

    private static void WriteCodes(EveWriter writer, ReadOnlySpan<byte> property, CodeList codes)
    {
        if (codes.Count == 0)
        {
            return;
        }

        writer.StartArray(property);
        foreach (ushort code in codes.Values)
        {
            if (!TlsTables.IsGrease(code))
            {
                writer.NumberValue((long)code);
            }
        }

        writer.EndArray();
    }

    private static void WriteText(EveWriter writer, ReadOnlySpan<byte> property, TlsCertificate certificate, Pools.Slice text)
    {
        if (text.Exists)
        {
            writer.Bytes(property, certificate.Text[text]);
        }
    }

    private static void WriteSni(EveWriter writer, TlsTransaction tls)
    {
        if (tls.Client.Sni.Exists)
        {
            writer.Bytes("sni"u8, tls.Client.Text[tls.Client.Sni]);
        }
    }

    private static void WriteAltNames(EveWriter writer, TlsCertificate certificate)
    {
        if (certificate.AltNameCount == 0)
        {
            return;
        }

        writer.StartArray("subjectaltname"u8);
        for (int i = 0; i < certificate.AltNameCount; i++)
        {
            writer.BytesValue(certificate.AltName(i));
        }

        writer.EndArray();
    }

    private static void WriteAlpns(EveWriter writer, ReadOnlySpan<byte> property, TlsHello hello)
    {
        if (hello.AlpnCount == 0)
        {
            return;
        }

        writer.StartArray(property);
        for (int i = 0; i < hello.AlpnCount; i++)
        {
            writer.BytesValue(hello.Alpn(i));
        }

        writer.EndArray();
    }

    private static void WriteVersion(EveWriter writer, ReadOnlySpan<byte> property, ushort version)
    {
        ReadOnlySpan<byte> name = TlsTables.VersionName(version);
        if (!name.IsEmpty)
        {
            writer.Text(property, name);
            return;
        }

        Span<byte> text = stackalloc byte[32];
        if (version >> 8 == 0x7f)
        {
            "TLS 1.3 draft-"u8.CopyTo(text);
            (version & 0xff).TryFormat(text[14..], out int written, "00", CultureInfo.InvariantCulture);
            writer.Text(property, text[..(14 + written)]);
            return;
        }

        if (version == 0)
        {
            writer.Text(property, "UNDETERMINED"u8);
            return;
        }

        "0x"u8.CopyTo(text);
        version.TryFormat(text[2..], out int digits, "x4", CultureInfo.InvariantCulture);
        writer.Text(property, text[..(2 + digits)]);
    }

    private static void WriteTime(EveWriter writer, ReadOnlySpan<byte> property, long seconds) =>
        writer.Formatted(property, DateTime.UnixEpoch.AddSeconds(seconds), "yyyy-MM-ddTHH:mm:ss");

    private static void WriteDer(EveWriter writer, TlsCertificate certificate)
    {
        if (certificate.ChainLength > 0)
        {
            writer.Base64("certificate"u8, certificate.Chain(0));
        }
    }

    private static void WriteChain(EveWriter writer, TlsCertificate certificate)
    {
        if (certificate.ChainLength == 0)
        {
            return;
        }

        writer.StartArray("chain"u8);
        for (int i = 0; i < certificate.ChainLength; i++)
        {
            writer.Base64Value(certificate.Chain(i));
        }

        writer.EndArray();
    }

    private static void WriteJa3(EveWriter writer, TlsTransaction tls)
    {
        if (tls.HasJa3 && tls.ShowsJa3)
        {
            writer.StartObject("ja3"u8);
            writer.Text("hash"u8, tls.Ja3Hash);
            writer.Text("string"u8, tls.Ja3);
            writer.EndObject();
        }
    }

    private static void WriteJa3S(EveWriter writer, TlsTransaction tls)
    {
        if (tls.Server.IsSeen && tls.ShowsJa3)
        {
            writer.StartObject("ja3s"u8);
            writer.Text("hash"u8, tls.Ja3SHash);
            writer.Text("string"u8, tls.Ja3S);
            writer.EndObject();
        }
    }

    private static void WriteJa4(EveWriter writer, TlsTransaction tls)
    {
        // As in Suricata a hello that is not there yet has a fingerprint too: that of nothing.
        writer.Text("ja4"u8, tls.Client.IsSeen ? tls.Ja4 : "t00i000000_e3b0c44298fc_d2e2adf7177b"u8);
    }
}
