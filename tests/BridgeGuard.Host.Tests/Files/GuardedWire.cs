using System.Buffers.Binary;
using System.Diagnostics;
using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Policy;
using BridgeGuard.Engine.Policy.Roles;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Settings;
using BridgeGuard.Engine.Worker;
using BridgeGuard.Host.Tests.Scanning;
using BridgeGuard.Rules.Loading;
using BridgeGuard.Scanning.Pipeline;
using BridgeGuard.Scanning.VerdictCache;
using BridgeGuard.Scanning.WireFiles;
using BridgeGuard.Testing.Packets;
using Xunit;

namespace BridgeGuard.Host.Tests.Files;

/// <summary>One worker inline with the real scan pipeline behind it, and a wire between guests that tests speak over: what is held or stopped does not arrive.</summary>
internal sealed class GuardedWire : IEventSink, IAsyncDisposable
{
    private readonly RuleLoadResult _rules = RuleLoader.Load(new RuleLoadOptions { Texts = [("none.rules", "")] });
    private ushort _nextPort = 10_000;
    private uint _nextSequence = 1000;

    public GuardedWire(RoleModel role, StubScanner? scanner = null, WireFileOptions? options = null, ScanOptions? scans = null, HostService[]? own = null, long reassemblyBytes = 64L << 20)
    {
        Scanner = scanner ?? new StubScanner();
        Cache = new FileVerdictCache(new CacheOptions());
        Scans = new ScanService(Cache, [Scanner], scans);
        Sink = new WireFileSink(Scans, null, options);
        var protocols = new Dictionary<string, ProtocolSettings>
        {
            ["http"] = new(new Dictionary<string, string>
            {
                ["libhtp.default-config.request-body-limit"] = "0", ["libhtp.default-config.response-body-limit"] = "0",
            }),
        };
        var settings = new EngineSettings
        {
            IsInline = true,
            Stream = new StreamSettings { Reassembly = new ReassemblySettings { MemcapBytes = reassemblyBytes } },
            Files = new FileSettings { ForceSha256 = true, OwnServices = own ?? [] },
            AppLayer = new AppLayerSettings { Protocols = protocols },
            Eve = new EveSettings { Types = [new EveTypeSettings("alert", ProtocolSettings.Empty)] },
        };
        var model = new PolicyModel([role], []);
        Worker = new PacketWorker(new WorkerEnvironment { Settings = settings, Events = this, FileSink = Sink, FileVerdicts = Sink })
        {
            Program = new EngineProgram(_rules.Rules, new CompiledPolicy(model, _rules.Rules.Rules)),
        };
    }

    /// <summary>A hold's deadline that no test reaches: a scan is late on a busy machine, while a sender's tries take the wire's time and little of ours.</summary>
    public const int NoDeadlineMs = 24 * 3600 * 1000;

    public static RoleModel Tail => new() { Name = "tail", Files = FileDelivery.HoldTail, FilesFailOpen = false, FileHoldMs = NoDeadlineMs };

    /// <summary>How long a sender repeats what does not arrive, in real time; only where something is to hang for good is it worth making it shorter.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(60);

    public StubScanner Scanner { get; }

    public FileVerdictCache Cache { get; }

    public ScanService Scans { get; }

    public WireFileSink Sink { get; }

    public PacketWorker Worker { get; }

    public long NowUs { get; set; } = 1_700_000_000_000_000;

    public List<string> Alerts { get; } = [];

    public ushort LastPort => _nextPort;

    /// <summary>The next connection comes from this port, with sequence numbers of its own.</summary>
    public void ReusePort(ushort port)
    {
        _nextPort = (ushort)(port - 1);
        _nextSequence += 100_000;
    }

    public uint FirstSequence => _nextSequence;

    public ushort NewPort() => _nextPort = (ushort)(_nextPort == 60_000 ? 10_000 : _nextPort + 1);

    /// <summary>Opens a TCP connection.</summary>
    public Conversation Connect(string client, string server, ushort port)
    {
        var conversation = new Conversation(this, client, NewPort(), server, port);
        conversation.Open();
        return conversation;
    }

    /// <summary>Puts one frame on the wire: did it go on?</summary>
    public Verdict Process(byte[] frame)
    {
        Verdict verdict = Worker.Process(frame, 0, frame.Length, new FrameInfo { LinkType = LinkType.Ethernet, TimestampUs = NowUs += 20 });
        Assert.Null(Worker.LastFault);
        return verdict;
    }

    public void Tick(long passedUs)
    {
        NowUs += passedUs;
        Worker.Tick(NowUs);
        Assert.Null(Worker.LastFault);
    }

    /// <summary>Between two tries of a sender: a fifth of a second on the wire for the first of them, later little more than really passes, so that no flow ages away beside.</summary>
    public void Pause(int tries)
    {
        Thread.Sleep(tries < 20 ? 1 : 5);
        NowUs += tries < 20 ? 200_000 : 10_000;
    }

    public void Write(in EventHeader header, ReadOnlySpan<byte> json)
    {
        if (json.IndexOf("\"event_type\":\"alert\""u8) >= 0)
        {
            Alerts.Add(System.Text.Encoding.UTF8.GetString(json));
        }
    }

    public async ValueTask DisposeAsync()
    {
        Worker.Dispose();
        await Sink.DisposeAsync();
        await Scans.DisposeAsync();
        await Cache.DisposeAsync();
    }
}

/// <summary>Both ends of one TCP connection over a <see cref="GuardedWire"/>: a sender repeats what is not delivered, a receiver puts together what is.</summary>
internal sealed class Conversation(GuardedWire wire, string client, ushort clientPort, string server, ushort serverPort)
{
    public const int SegmentBytes = 1460;

    /// <summary>Not acknowledged at a time; frames announce 64 KiB.</summary>
    private const int WindowBytes = 32 * SegmentBytes;

    private readonly End _client = new(wire.FirstSequence);
    private readonly End _server = new(900_000);

    public string ClientAddress => client;

    public ushort ClientPort => clientPort;

    /// <summary>A reset has come, or something was given up.</summary>
    public bool IsDead { get; private set; }

    /// <summary>Frames that were held and sent on later.</summary>
    public int SentOn { get; private set; }

    /// <summary>The contiguous bytes that the client has.</summary>
    public byte[] AtClient => _client.Contiguous();

    public byte[] AtServer => _server.Contiguous();

    public uint NextAtClient => _client.Next;

    public uint NextAtServer => _server.Next;

    /// <summary>Takes what the engine has sent by itself.</summary>
    public void Collect() => TakeInjected();

    public void Open()
    {
        Send(Direction.ToServer, _client.Sent++, "S", []);
        Send(Direction.ToClient, _server.Sent++, "SA", []);
        Send(Direction.ToServer, _client.Sent, "A", []);
        _client.Expect(_server.Sent);
        _server.Expect(_client.Sent);
    }

    public bool ToServer(ReadOnlySpan<byte> bytes) => Say(Direction.ToServer, bytes);

    public bool ToClient(ReadOnlySpan<byte> bytes) => Say(Direction.ToClient, bytes);

    /// <summary>Everything at once, as far as the receiver's window is open: what is held or lost is repeated afterwards.</summary>
    public bool Burst(Direction direction, ReadOnlySpan<byte> bytes, bool withFin = false)
    {
        End from = direction == Direction.ToServer ? _client : _server;
        End to = direction == Direction.ToServer ? _server : _client;
        for (int at = 0; at < bytes.Length && !IsDead; at += SegmentBytes)
        {
            if (from.Sent - to.Next > WindowBytes)
            {
                Acknowledge(direction.Opposite());
                if (from.Sent - to.Next > WindowBytes && !Repeat(direction, withFin: false))
                {
                    return false;
                }
            }

            Send(direction, from.Sent, "A", bytes[at..Math.Min(bytes.Length, at + SegmentBytes)]);
            from.History.Write(bytes[at..Math.Min(bytes.Length, at + SegmentBytes)]);
            from.Sent += (uint)Math.Min(SegmentBytes, bytes.Length - at);
        }

        if (withFin)
        {
            Send(direction, from.Sent, "FA", []);
        }

        return Repeat(direction, withFin);
    }

    /// <summary>Bytes behind a hole: whoever reassembles has to keep them.</summary>
    public void Ahead(Direction direction, int hole, ReadOnlySpan<byte> bytes)
    {
        for (int at = 0; at < bytes.Length; at += SegmentBytes)
        {
            Send(direction, (direction == Direction.ToServer ? _client : _server).Sent + (uint)(hole + at), "A", bytes[at..Math.Min(bytes.Length, at + SegmentBytes)]);
        }
    }

    public bool Close(Direction direction) => Burst(direction, [], withFin: true);

    public void Reset(Direction direction) => Send(direction, (direction == Direction.ToServer ? _client : _server).Sent, "RA", []);

    private bool Say(Direction direction, ReadOnlySpan<byte> bytes)
    {
        End from = direction == Direction.ToServer ? _client : _server;
        for (int at = 0; at < bytes.Length && !IsDead; at += SegmentBytes)
        {
            ReadOnlySpan<byte> segment = bytes[at..Math.Min(bytes.Length, at + SegmentBytes)];
            uint sequence = from.Sent;
            from.Sent += (uint)segment.Length;
            from.History.Write(segment);
            Send(direction, sequence, "A", segment);
        }

        Acknowledge(direction.Opposite());
        return !IsDead;
    }

    /// <summary>One step of a sender's retransmission timer: the first segment that has not arrived, once.</summary>
    /// <param name="direction">Of the bytes.</param>
    /// <param name="sent">All that was sent.</param>
    public void SayAgain(Direction direction, ReadOnlySpan<byte> sent)
    {
        End sender = direction == Direction.ToServer ? _client : _server;
        uint first = sender.Sent - (uint)sent.Length;
        int have = (int)((direction == Direction.ToServer ? _server : _client).Next - first);
        TakeInjected();
        if (!IsDead && have < sent.Length)
        {
            Send(direction, first + (uint)have, "A", sent.Slice(have, Math.Min(SegmentBytes, sent.Length - have)));
            Acknowledge(direction.Opposite());
        }
    }

    /// <summary>What has arrived is acknowledged: the engine knows windows too.</summary>
    private void Acknowledge(Direction direction)
    {
        if (!IsDead)
        {
            Send(direction, (direction == Direction.ToServer ? _client : _server).Sent, "A", []);
        }
    }

    /// <summary>A sender's retransmission timer: the first bytes that are missing again and again, as the receiver acknowledges.</summary>
    private bool Repeat(Direction direction, bool withFin)
    {
        End sender = direction == Direction.ToServer ? _client : _server;
        ReadOnlySpan<byte> bytes = sender.History.GetBuffer().AsSpan(0, (int)sender.History.Length);
        uint first = sender.Sent - (uint)bytes.Length;
        End to = direction == Direction.ToServer ? _server : _client;
        long begin = Stopwatch.GetTimestamp();
        for (int tries = 0; !IsDead && Stopwatch.GetElapsedTime(begin) < wire.Patience; tries++)
        {
            int have = (int)(to.Next - first);
            if (have >= bytes.Length && (!withFin || to.HasFin))
            {
                return true;
            }

            wire.Tick(1_000);
            TakeInjected();
            wire.Pause(tries);
            have = (int)(to.Next - first);
            int from = Math.Clamp(have, 0, bytes.Length);
            int length = Math.Min(SegmentBytes, bytes.Length - from);
            if (length > 0)
            {
                Send(direction, first + (uint)from, "A", bytes.Slice(from, length));
                Acknowledge(direction.Opposite());
            }
            else if (withFin)
            {
                Send(direction, first + (uint)bytes.Length, "FA", []);
            }
        }

        return !IsDead && (int)(to.Next - first) >= bytes.Length;
    }

    private void Send(Direction direction, uint sequence, string flags, ReadOnlySpan<byte> payload)
    {
        bool toServer = direction == Direction.ToServer;
        End to = toServer ? _server : _client;
        uint acknowledged = (toServer ? _client : _server).Next;
        acknowledged = acknowledged == 0 ? (toServer ? _server : _client).Sent : acknowledged;
        byte[] frame = toServer
            ? FrameBuilder.Tcp(client, clientPort, server, serverPort, sequence, acknowledged, flags, payload)
            : FrameBuilder.Tcp(server, serverPort, client, clientPort, sequence, acknowledged, flags, payload);
        Verdict verdict = wire.Process(frame);
        TakeInjected();
        if (verdict.Action == VerdictAction.Pass)
        {
            to.Take(sequence, payload, flags.Contains('F'));
            IsDead |= flags.Contains('R');
        }

        IsDead |= verdict.Reject != RejectTarget.None;
    }

    /// <summary>What the engine itself sends: by the addresses and ports in it to one of the ends.</summary>
    private void TakeInjected()
    {
        FrameInjector injector = wire.Worker.Injector;
        for (int i = 0; i < injector.Count; i++)
        {
            ReadOnlySpan<byte> frame = injector.Get(i, out _, out _);
            ReadOnlySpan<byte> tcp = frame[34..];
            int header = tcp[12] >> 4 << 2;
            int total = BinaryPrimitives.ReadUInt16BigEndian(frame[16..]);
            if (BinaryPrimitives.ReadUInt16BigEndian(tcp[2..]) is var port && port != clientPort && port != serverPort)
            {
                continue;
            }

            (port == clientPort ? _client : _server).Take(
                BinaryPrimitives.ReadUInt32BigEndian(tcp[4..]), tcp[header..(total - 20)], (tcp[13] & 1) != 0);
            SentOn++;
        }

        injector.Clear();
    }

    private sealed class End(uint sequence)
    {
        private readonly SortedDictionary<uint, byte[]> _ahead = [];
        private readonly MemoryStream _bytes = new();
        private uint? _fin;

        public uint Sent { get; set; } = sequence;

        /// <summary>All payload bytes sent so far.</summary>
        public MemoryStream History { get; } = new();

        /// <summary>The next number that is expected from the other end.</summary>
        public uint Next { get; private set; }

        public bool HasFin => _fin is { } fin && fin == Next;

        public void Expect(uint next) => Next = next;

        public byte[] Contiguous() => _bytes.ToArray();

        public void Take(uint at, ReadOnlySpan<byte> payload, bool isFin)
        {
            if (isFin)
            {
                _fin = at + (uint)payload.Length;
            }

            if (payload.IsEmpty || Next == 0)
            {
                return;
            }

            _ahead[at] = payload.ToArray();
            while (_ahead.Count > 0 && (int)(_ahead.Keys.First() - Next) <= 0)
            {
                (uint begin, byte[] bytes) = _ahead.First();
                _ahead.Remove(begin);
                int known = (int)(Next - begin);
                if (known < bytes.Length)
                {
                    _bytes.Write(bytes, known, bytes.Length - known);
                    Next += (uint)(bytes.Length - known);
                }
            }
        }
    }
}
