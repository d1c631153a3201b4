using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Protocols.Smtp;

namespace BridgeGuard.Engine.Tests.Protocols.Smtp;

public sealed class SmtpConformanceTests : ProtocolConformanceTests
{
    protected override Protocol Protocol { get; } = new SmtpProtocol();

    protected override IReadOnlyList<Turn[]> Samples { get; } = [SmtpSamples.OneMail, SmtpSamples.Chunks, SmtpSamples.SeveralMails, SmtpSamples.Uuencoded, SmtpSamples.StartTls];

    protected override IReadOnlyDictionary<string, string> Settings { get; } = new Dictionary<string, string>
    {
        ["mime.extract-urls"] = "yes",
        ["mime.body-md5"] = "yes",
    };
}
