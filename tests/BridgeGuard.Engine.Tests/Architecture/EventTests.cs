using System.Text.RegularExpressions;
using BridgeGuard.Engine.Protocols;
using Xunit;

namespace BridgeGuard.Engine.Tests.Architecture;

/// <summary>Events that protocols declare: each is raised by its parser, or is listed here with the reason why not. All of them load in rules.</summary>
public sealed partial class EventTests
{
    private const string PeerSilent = "what makes Suricata 8.0.8 raise it is not known to us";
    private const string OtherName = "another event stands for the same bytes";

    /// <summary>Declared and never raised.</summary>
    private static readonly Dictionary<string, string> Excused = new()
    {
        ["Dnp3Anomaly.Malformed"] = PeerSilent,
        ["DnsAnomaly.MalformedData"] = "a message that cannot be read makes no transaction that could carry it",
        ["Http1Anomaly.CompressionBombLimitReached"] = OtherName,
        ["Http1Anomaly.DoubleEncodedUri"] = "double decoding is off, as by Suricata's default",
        ["Http1Anomaly.FailedProtocolChange"] = PeerSilent,
        ["Http1Anomaly.FileNameTooLong"] = PeerSilent,
        ["Http1Anomaly.InvalidTransferEncodingValueInResponse"] = OtherName,
        ["Http1Anomaly.LzmaMemlimitReached"] = "LZMA bodies are not decompressed, as by Suricata's default",
        ["Http1Anomaly.RequestLineInvalid"] = PeerSilent,
        ["Http1Anomaly.RequestServerPortTcpPortMismatch"] = PeerSilent,
        ["Http1Anomaly.ResponseHeaderInvalid"] = OtherName,
        ["Http1Anomaly.TooManyWarnings"] = PeerSilent,
        ["Http1Anomaly.UnknownError"] = PeerSilent,
        ["Http2Anomaly.ExtraHeaderData"] = PeerSilent,
        ["Http2Anomaly.InvalidFrameHeader"] = PeerSilent,
        ["IkeAnomaly.MalformedData"] = "a datagram that cannot be read makes no transaction that could carry it",
        ["IkeAnomaly.MultipleServerProposal"] = PeerSilent,
        ["IkeAnomaly.PayloadExtraData"] = PeerSilent,
        ["RfbAnomaly.MalformedMessage"] = PeerSilent,
        ["SmbAnomaly.InternalError"] = PeerSilent,
        ["SmbAnomaly.MalformedNtlmSspResponse"] = PeerSilent,
        ["SmbAnomaly.RecordOverflow"] = PeerSilent,
        ["SmbAnomaly.UnusualNtlmSspOrder"] = PeerSilent,
        ["SmtpAnomaly.BdatChunkLenExceeded"] = PeerSilent,
        ["SmtpAnomaly.FailedProtocolChange"] = PeerSilent,
        ["SmtpAnomaly.MaxCommandLineLenExceeded"] = OtherName,
        ["SmtpAnomaly.MaxReplyLineLenExceeded"] = OtherName,
        ["SmtpAnomaly.MimeParseFailed"] = PeerSilent,
        ["TlsAnomaly.CertificateInvalidX509Name"] = PeerSilent,
        ["TlsAnomaly.InvalidSslRecord"] = PeerSilent,
    };

    [Fact]
    public void EveryDeclaredEventIsRaisedOrExcused()
    {
        (string[] declared, HashSet<string> used) = Read();
        string[] silent = [.. declared.Where(name => !used.Contains(name)).Order(StringComparer.Ordinal)];
        Assert.True(declared.Length > 200, "the events were not found");
        Assert.Equal(Excused.Keys.Order(StringComparer.Ordinal), silent);
    }

    [Fact]
    public void EveryEventHasAWayToBeNamed() => Assert.All(
        ProtocolCatalog.All, protocol => Assert.Equal(protocol.Anomalies.Length, protocol.Anomalies.Select(anomaly => anomaly.Name).Distinct().Count()));

    private static (string[] Declared, HashSet<string> Used) Read()
    {
        List<string> declared = [];
        HashSet<string> used = [];
        foreach (string file in SourceTree.Sources("src", "BridgeGuard.Engine", "Protocols"))
        {
            string text = File.ReadAllText(file);
            if (!file.EndsWith("Anomalies.cs", StringComparison.Ordinal))
            {
                used.UnionWith(Use().Matches(text).Select(match => match.Value));
            }
            else if (Declaration().Match(text) is { Success: true } found)
            {
                declared.AddRange(Member().Matches(found.Groups[2].Value).Select(member => $"{found.Groups[1].Value}.{member.Groups[1].Value}"));
            }
        }

        declared.RemoveAll(name => name.EndsWith(".Count", StringComparison.Ordinal));
        return ([.. declared], used);
    }

    [GeneratedRegex(@"\b\w+Anomaly\.\w+")]
    private static partial Regex Use();

    [GeneratedRegex(@"enum (\w+Anomaly)[^{]*\{(.*?)\n\}", RegexOptions.Singleline)]
    private static partial Regex Declaration();

    [GeneratedRegex(@"^\s{4}(\w+)(?: = \d+)?,", RegexOptions.Multiline)]
    private static partial Regex Member();
}
