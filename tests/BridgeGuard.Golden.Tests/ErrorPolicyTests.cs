using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Policy;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Settings;
using BridgeGuard.Engine.Tests.Protocols;
using BridgeGuard.Engine.Worker;
using BridgeGuard.Rules.Loading;
using Xunit;

namespace BridgeGuard.Golden.Tests;

/// <summary><c>app-layer.error-policy</c>: what happens to a flow whose parser has given up, for every parser that can and every policy.</summary>
public sealed class ErrorPolicyTests : IEventSink
{
    private const string Rules = """alert ip any any -> any any (msg:"looked at"; dsize:>0; sid:1;)""";

    /// <summary>Neither junk nor one damaged byte of a sample makes these give up: what is wrong is an event of the protocol, or passed over until something is known again.</summary>
    private const string NeverGiveUp = "dhcp dns enip ftp http2 irc mdns mysql nfs quic rdp rfb smb websocket";

    private static readonly Dictionary<string, FatalConversation?> Found = ProtocolSamples.All().ToDictionary(protocol => protocol.Name, protocol => FatalConversation.Find(protocol.Samples));

    private int _alerts;

    public static TheoryData<string, ExceptionPolicy> Cases
    {
        get
        {
            TheoryData<string, ExceptionPolicy> cases = [];
            foreach (string name in Found.Where(found => found.Value is not null).Select(found => found.Key))
            {
                foreach (ExceptionPolicy policy in Enum.GetValues<ExceptionPolicy>())
                {
                    cases.Add(name, policy);
                }
            }

            return cases;
        }
    }

    [Fact]
    public void EveryParserGivesUpButThoseThatAreNamed()
    {
        string never = string.Join(" ", Found.Where(found => found.Value is null).Select(found => found.Key).Order(StringComparer.Ordinal));
        Assert.True(never == NeverGiveUp, never);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void AFatalErrorFollowsThePolicy(string name, ExceptionPolicy policy)
    {
        ProtocolSamples samples = ProtocolSamples.All().Single(protocol => protocol.Name == name).Samples;
        FatalConversation conversation = Found[name]!;
        using PacketWorker worker = CreateWorker(samples, policy);
        var frames = new ConversationFrames(samples, 40_000);
        List<Verdict> good = Play(worker, [.. frames.Open(), .. conversation.Before.SelectMany(frames.Say)]);
        Assert.All(good, verdict => Assert.Equal(VerdictAction.Pass, verdict.Action));
        Assert.Equal(0, Errors(worker, samples));

        List<Verdict> fatal = Play(worker, [.. frames.Say(conversation.Fatal)]);
        Assert.True(Errors(worker, samples) == 1, $"{Errors(worker, samples)} errors after {conversation.Before.Length} turns and {conversation.Fatal.Direction} {Convert.ToHexString(conversation.Fatal.Bytes.AsSpan(0, Math.Min(80, conversation.Fatal.Bytes.Length)))}");
        Assert.Equal(1, worker.Counters[WorkerCounters.PolicyIndex(ExceptionCause.AppLayerError, policy)]);
        Assert.Equal(1, worker.Counters[WorkerCounters.AppPolicyIndex(samples.Protocol.Id, Transport(samples), policy)]);
        bool drops = policy is ExceptionPolicy.DropPacket or ExceptionPolicy.DropFlow or ExceptionPolicy.Reject or ExceptionPolicy.RejectBoth;
        Verdict[] refused = [.. fatal.Where(verdict => verdict.Reason == DropReason.AppLayerError)];
        Assert.Equal(drops ? 1 : 0, refused.Length);
        Assert.All(refused, verdict => Assert.Equal(Answer(policy), verdict.Reject));

        _alerts = 0;
        Verdict next = Play(worker, [.. frames.Say(conversation.Before[0])])[0];
        Assert.Equal(drops && policy != ExceptionPolicy.DropPacket ? VerdictAction.Drop : VerdictAction.Pass, next.Action);
        bool looksOn = policy is ExceptionPolicy.Ignore or ExceptionPolicy.PassPacket or ExceptionPolicy.DropPacket;
        Assert.Equal(looksOn, _alerts > 0);
        Assert.Equal(0, worker.Faults);
    }

    void IEventSink.Write(in EventHeader header, ReadOnlySpan<byte> json) => _alerts += json.IndexOf("\"event_type\":\"alert\""u8) >= 0 ? 1 : 0;

    private static RejectTarget Answer(ExceptionPolicy policy) => policy switch
    {
        ExceptionPolicy.Reject => RejectTarget.Source,
        ExceptionPolicy.RejectBoth => RejectTarget.Both,
        _ => RejectTarget.None,
    };

    private static byte Transport(ProtocolSamples samples) => samples.IsDatagram ? IpProtocols.Udp : IpProtocols.Tcp;

    private static long Errors(PacketWorker worker, ProtocolSamples samples) =>
        worker.Counters[WorkerCounters.AppErrorIndex(samples.Protocol.Id, Transport(samples), AppErrorKind.Parser)];

    private PacketWorker CreateWorker(ProtocolSamples samples, ExceptionPolicy policy)
    {
        RuleLoadResult loaded = RuleLoader.Load(new RuleLoadOptions { Texts = [("a.rules", Rules)] });
        Assert.False(loaded.HasErrors, string.Join("\n", loaded.Diagnostics));
        var own = new Dictionary<string, string>(samples.Settings ?? new Dictionary<string, string>()) { ["enabled"] = "yes" };
        return new PacketWorker(new WorkerEnvironment
        {
            Settings = new EngineSettings
            {
                IsInline = true,
                ValidateChecksums = false,
                AppLayer = new AppLayerSettings
                {
                    ErrorPolicy = policy,
                    Protocols = new Dictionary<string, ProtocolSettings> { [samples.Protocol.ConfigurationName] = new ProtocolSettings(own) },
                },
                Eve = new EveSettings { Types = [new EveTypeSettings("alert", ProtocolSettings.Empty)] },
            },
            Events = this,
            FlowHash = new FlowHash(1, 2),
        })
        {
            Program = new EngineProgram(loaded.Rules, new CompiledPolicy(PolicyModel.Empty, loaded.Rules.Rules)),
        };
    }

    private static List<Verdict> Play(PacketWorker worker, List<byte[]> frames)
    {
        List<Verdict> verdicts = [];
        foreach (byte[] frame in frames)
        {
            verdicts.Add(worker.Process(frame, 0, frame.Length, new FrameInfo { TimestampUs = 1_700_000_000_000_000 + ++Clock, LinkType = LinkType.Ethernet }));
            worker.Injector.Clear();
        }

        return verdicts;
    }

    private static long Clock { get; set; }
}
