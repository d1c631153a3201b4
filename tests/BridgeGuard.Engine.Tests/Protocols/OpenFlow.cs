using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Settings;
using BridgeGuard.Engine.Worker;

namespace BridgeGuard.Engine.Tests.Protocols;

/// <summary>One flow through a whole worker on which a client asks and asks: what does the n-th request cost?</summary>
/// <remarks>
/// Inline, all records on, the protocol's cap on transactions lifted where it can be configured, so that as many as asked for really are open. Frames are
/// made before the clock runs.
/// </remarks>
public sealed class OpenFlow : IEventSink, IDisposable
{
    private const ushort ClientPort = 40_000;

    private readonly OpenConversation _conversation;
    private readonly PacketWorker _worker;
    private ConversationFrames _frames;
    private long _now = 1_700_000_000_000_000;
    private ushort _flow;

    /// <param name="conversation">What is said.</param>
    /// <param name="program">Rules; null: none.</param>
    public OpenFlow(OpenConversation conversation, EngineProgram? program = null)
    {
        _conversation = conversation;
        _frames = new ConversationFrames(conversation.Samples, ClientPort);
        _worker = new PacketWorker(new WorkerEnvironment { Settings = SettingsFor(conversation), Events = this, FlowHash = new FlowHash(1, 2) });
        if (program is not null)
        {
            _worker.Program = program;
        }
    }

    /// <summary>Records written.</summary>
    public long Written { get; private set; }

    /// <summary>Bytes of a request.</summary>
    public int RequestBytes => _conversation.Request.Bytes.Length;

    /// <summary>Opens another flow; one that was open before stays so.</summary>
    public void Begin()
    {
        _flow++;
        _frames = new ConversationFrames(_conversation.Samples, (ushort)(ClientPort + _flow));
        Play([.. _frames.Open()]);
        foreach (Turn turn in _conversation.Before)
        {
            Play([.. _frames.Say(turn)]);
        }
    }

    /// <summary>Bytes of an answer; 0 when there is none.</summary>
    public int AnswerBytes => _conversation.Answer?.Bytes.Length ?? 0;

    /// <summary>Says the request <paramref name="count"/> times, numbered from <paramref name="from"/> on; returns the nanoseconds that were computed.</summary>
    public long Ask(uint from, int count)
    {
        List<byte[]> frames = [];
        for (uint i = 0; i < count; i++)
        {
            frames.AddRange(_frames.Say(_conversation.Request with { Bytes = _conversation.Numbered(_conversation.Request, from + i) }));
        }

        return Play(frames);
    }

    /// <summary>Answers as many, from the one numbered <paramref name="newest"/> back; returns nanoseconds.</summary>
    public long Answer(uint newest, int count)
    {
        List<byte[]> frames = [];
        for (uint i = 0; i < count; i++)
        {
            frames.AddRange(_frames.Say(_conversation.Answer! with { Bytes = _conversation.Numbered(_conversation.Answer, newest - i) }));
        }

        return Play(frames);
    }

    /// <summary>Transactions of the protocol on all flows, known once they have ended.</summary>
    public long Finish()
    {
        _worker.Finish();
        Protocol protocol = _conversation.Samples.Protocol;
        byte transport = _conversation.Samples.IsDatagram ? IpProtocols.Udp : IpProtocols.Tcp;
        return _worker.Counters[protocol.CountsTransactions
            ? WorkerCounters.AppTransactionIndex(protocol.Id, transport)
            : WorkerCounters.AppFlowIndex(protocol.Id, transport)];
    }

    public void Write(in EventHeader header, ReadOnlySpan<byte> json) => Written++;

    public void Dispose() => _worker.Dispose();

    /// <summary>What the worker tripped over; null: nothing.</summary>
    public Exception? Fault => _worker.LastFault;

    private static EngineSettings SettingsFor(OpenConversation conversation)
    {
        string[] types = ["alert", "anomaly", "files", "flow", .. ProtocolCatalog.All.ToArray().SelectMany(protocol => protocol.Loggers).Select(logger => logger.EventType).Distinct()];
        var own = new Dictionary<string, string>(conversation.Samples.Settings ?? new Dictionary<string, string>())
        {
            ["enabled"] = "yes",
            ["max-tx"] = "65536",
            ["libhtp.default-config.max-tx"] = "65536",
            ["request-flood"] = "65536",
        };
        return new EngineSettings
        {
            IsInline = true,
            ValidateChecksums = false,
            Stream = new StreamSettings { Reassembly = new ReassemblySettings { Depth = 0 } },
            AppLayer = new AppLayerSettings
            {
                Protocols = new Dictionary<string, ProtocolSettings> { [conversation.Samples.Protocol.ConfigurationName] = new ProtocolSettings(own) },
            },
            Eve = new EveSettings { Types = [.. types.Select(type => new EveTypeSettings(type, ProtocolSettings.Empty))] },
        };
    }

    private long Play(List<byte[]> frames)
    {
        long start = ThreadClock.Nanoseconds;
        foreach (byte[] frame in frames)
        {
            _worker.Process(frame, 0, frame.Length, new FrameInfo { TimestampUs = _now += 10, LinkType = LinkType.Ethernet });
            _worker.Injector.Clear();
        }

        return ThreadClock.Nanoseconds - start;
    }
}
