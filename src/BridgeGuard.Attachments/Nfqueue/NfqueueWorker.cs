using System.Buffers.Binary;
using BridgeGuard.Attachments.Rejects;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Worker;

namespace BridgeGuard.Attachments.Nfqueue;

/// <summary>One queue, one thread: receives packets in batches, asks the engine, answers in batches. Allocates nothing per packet.</summary>
/// <remarks>
/// iptables queues give network packets; the engine wants frames. A link header is put before each: the sender's address as told, the receiver's as
/// remembered from its own packets. Consecutive accepted packets share one verdict message; a packet with another verdict goes after those before it.
/// </remarks>
internal sealed class NfqueueWorker(int index, QueueSocket socket, IFrameProcessor processor, NfqueuePorts ports, NfqueueOptions options)
{
    private const int EthernetBytes = 14;
    private const int MaxLinkBytes = 32;
    private const int PollMs = 50;

    // The kernel does not tell the segment size; this is what an MTU of 1500 with timestamps gives, and only frames that were held are cut by it.
    private const ushort UsualSegmentBytes = 1448;

    private readonly MacMemory _macs = new();
    private readonly FrameSender _sender = new();
    private long _lastTickUs;
    private volatile bool _stop;
    private long _frames, _bytes, _passed, _modified, _dropped, _rejects, _injected, _injectFailed, _writeFailed, _malformed, _faults, _refused, _allocated;

    public int Index => index;

    public bool IsRunning { get; private set; } = true;

    public long Faults => Volatile.Read(ref _faults);

    public Exception? LastFault { get; private set; }

    /// <summary>Rewritten large segments, which the kernel would not take: dropped.</summary>
    public long ModifyRefused => Volatile.Read(ref _refused);

    public long AllocatedBytes => Volatile.Read(ref _allocated);

    public AttachmentStats Stats => new()
    {
        Frames = Volatile.Read(ref _frames),
        Bytes = Volatile.Read(ref _bytes),
        Passed = Volatile.Read(ref _passed),
        Modified = Volatile.Read(ref _modified),
        Dropped = Volatile.Read(ref _dropped),
        Rejects = Volatile.Read(ref _rejects),
        Injected = Volatile.Read(ref _injected),
        InjectFailed = Volatile.Read(ref _injectFailed),
        WriteFailed = Volatile.Read(ref _writeFailed),
        Malformed = Volatile.Read(ref _malformed),
    };

    public void Stop() => _stop = true;

    public void Run()
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        Span<int> lengths = stackalloc int[QueueSocket.BatchPackets];
        try
        {
            while (!_stop)
            {
                int count = socket.Receive(lengths);
                long now = NowUs();
                if (count > 0)
                {
                    TakeBatch(lengths[..count], now);
                }
                else
                {
                    socket.Wait((int)Math.Clamp(processor.TickEveryUs / 1000, 1, PollMs));
                }

                Tick(now);
                Volatile.Write(ref _allocated, GC.GetAllocatedBytesForCurrentThread() - before);
            }
        }
        finally
        {
            IsRunning = false;
            _sender.Dispose();
        }
    }

    private void TakeBatch(ReadOnlySpan<int> lengths, long nowUs)
    {
        uint accepted = 0;
        uint acceptedMark = 0;
        bool hasAccepted = false;
        for (int i = 0; i < lengths.Length; i++)
        {
            int at = QueueSocket.SlotAt(i);
            if (!QueueMessage.TryRead(socket.Slots.AsSpan(at, lengths[i]), out QueueMessage message))
            {
                _malformed++;
                continue;
            }

            Verdict verdict = Judge(at, ref message, nowUs, out int frameAt, out int linkBytes);
            int frameBytes = linkBytes + message.PayloadBytes;

            // A queued packet leaves where the kernel sends it: one that was moved to another port must not reach whom it was moved from.
            bool isRefused = (verdict.Modified && (message.Offloads & QueueMessage.LargeSegment) != 0) || verdict.ToPort != 0;
            uint mark = verdict.Mark != 0 ? verdict.Mark : options.Mark;
            if (verdict.Action == VerdictAction.Pass && !verdict.Modified && !isRefused)
            {
                if (hasAccepted && mark != acceptedMark)
                {
                    _writeFailed += socket.AcceptUpTo(accepted, acceptedMark) ? 0 : 1;
                }

                (accepted, acceptedMark, hasAccepted) = (message.Id, mark, true);
                _passed++;
                DrainOwn(in message);
                continue;
            }

            if (hasAccepted)
            {
                _writeFailed += socket.AcceptUpTo(accepted, acceptedMark) ? 0 : 1;
                hasAccepted = false;
            }

            Span<byte> frame = socket.Slots.AsSpan(frameAt, frameBytes);
            if (verdict.Action == VerdictAction.Pass && !isRefused)
            {
                SendModified(frame, linkBytes, in message, mark);
            }
            else
            {
                _refused += isRefused ? 1 : 0;
                _dropped++;
                _writeFailed += socket.Give(QueueSocket.Drop, message.Id, 0, default) ? 0 : 1;
                Reject(frame, in verdict, in message);
            }

            DrainOwn(in message);
        }

        if (hasAccepted)
        {
            _writeFailed += socket.AcceptUpTo(accepted, acceptedMark) ? 0 : 1;
        }
    }

    private Verdict Judge(int at, ref QueueMessage message, long nowUs, out int frameAt, out int linkBytes)
    {
        linkBytes = PutLinkHeader(at, ref message);
        frameAt = at + message.PayloadAt - linkBytes;
        int length = linkBytes + message.PayloadBytes;
        FrameInfo info = new()
        {
            TimestampUs = nowUs,
            PortId = ports.IdOf(message.InIndex),
            BridgeId = ports.BridgeOf(message.InIndex),
            Mark = message.Mark,
            LinkType = LinkType.Ethernet,
            WireLength = message.WholeBytes > message.PayloadBytes ? linkBytes + message.WholeBytes : 0,
            GsoSize = (message.Offloads & QueueMessage.LargeSegment) != 0 ? UsualSegmentBytes : (ushort)0,
            Checksum = (message.Offloads & QueueMessage.ChecksumNotReady) != 0 ? ChecksumState.Partial
                : (message.Offloads & QueueMessage.ChecksumNotVerified) != 0 ? ChecksumState.Unknown : ChecksumState.Valid,
        };
        _frames++;
        _bytes += length;
        ports.Count(message.InIndex, length);
        try
        {
            return processor.Process(socket.Slots, frameAt, length, in info);
        }
        catch (Exception error)
        {
            // The engine has a net of its own; what comes through it is a bug. The packet may be half rewritten, so it goes nowhere.
            _faults++;
            LastFault = error;
            return new Verdict { Action = VerdictAction.Drop };
        }
    }

    /// <summary>Puts a link header before the payload; how long it is. What it overwrites of the message has been read.</summary>
    private int PutLinkHeader(int at, ref QueueMessage message)
    {
        Span<byte> link = stackalloc byte[MaxLinkBytes];
        int length = EthernetBytes;
        Span<byte> payload = socket.Slots.AsSpan(at + message.PayloadAt, message.PayloadBytes);
        if (message.LinkHeader.Length is >= EthernetBytes and <= MaxLinkBytes)
        {
            length = message.LinkHeader.Length;
            message.LinkHeader.CopyTo(link);
        }
        else
        {
            link[..EthernetBytes].Clear();
            (int addressAt, int addressBytes) = AddressesOf(payload);
            if (message.SenderMac.Length == 6)
            {
                message.SenderMac.CopyTo(link[6..]);
                if (addressBytes > 0)
                {
                    _macs.Learn(payload.Slice(addressAt, addressBytes), message.SenderMac);
                }
            }

            if (addressBytes > 0)
            {
                _macs.Write(payload.Slice(addressAt + addressBytes, addressBytes), link);
            }

            BinaryPrimitives.WriteUInt16BigEndian(link[12..], message.EtherType);
        }

        link[..length].CopyTo(socket.Slots.AsSpan(at + message.PayloadAt - length));
        return length;
    }

    /// <summary>Where a packet's sender address is, and its length; the receiver's follows. (0, 0) for what is no IP.</summary>
    private static (int At, int Bytes) AddressesOf(ReadOnlySpan<byte> packet) => packet.Length switch
    {
        >= 20 when packet[0] >> 4 == 4 => (12, 4),
        >= 40 when packet[0] >> 4 == 6 => (8, 16),
        _ => (0, 0),
    };

    private void SendModified(Span<byte> frame, int linkBytes, in QueueMessage message, uint mark)
    {
        Span<byte> packet = frame[linkBytes..];
        if ((message.Offloads & QueueMessage.ChecksumNotReady) != 0)
        {
            // The kernel takes a packet that comes from here for finished: the sum that hardware was to make is made now.
            FinishChecksum(packet);
        }

        _passed++;
        _modified++;
        _writeFailed += socket.Give(QueueSocket.Accept, message.Id, mark, packet) ? 0 : 1;
    }

    private static void FinishChecksum(Span<byte> packet)
    {
        (int _, int addressBytes) = AddressesOf(packet);
        if (addressBytes == 4)
        {
            int header = (packet[0] & 15) * 4;
            int total = BinaryPrimitives.ReadUInt16BigEndian(packet[2..]);
            if (header >= 20 && total > header && total <= packet.Length)
            {
                Checksums.WriteInto(packet[..total], v4: true, packet[9], header);
            }
        }
        else if (addressBytes == 16)
        {
            int total = 40 + BinaryPrimitives.ReadUInt16BigEndian(packet[4..]);
            if (total > 40 && total <= packet.Length)
            {
                Checksums.WriteInto(packet[..total], v4: false, packet[6], 40);
            }
        }
    }

    private void Reject(ReadOnlySpan<byte> frame, in Verdict verdict, in QueueMessage message)
    {
        if (verdict.Reject != RejectTarget.None)
        {
            DrainOwn(in message);
            RejectCrafter.Craft(frame, verdict.Reject, ports.IdOf(message.InIndex), processor.Injector);
            _rejects += Drain(message.OutIndex);
        }
    }

    private void DrainOwn(in QueueMessage message)
    {
        if (processor.Injector.Count > 0)
        {
            _injected += Drain(message.OutIndex);
        }
    }

    /// <summary>Sends what waits in the injector, out of the port that the packet in hand leaves by (0: unknown); how many frames were taken.</summary>
    private int Drain(int outIndex)
    {
        FrameInjector injector = processor.Injector;
        int sent = 0;
        for (int i = 0; i < injector.Count; i++)
        {
            ReadOnlySpan<byte> frame = injector.Get(i, out ushort portId, out InjectDirection direction);

            // Frames that shall enter by a port are for whom that port talks to: they leave where its packets do.
            int device = direction == InjectDirection.ToPort ? ports.IndexOf(portId) : outIndex != 0 ? outIndex : ports.OtherThan(portId);
            bool isSent = frame.Length >= EthernetBytes && device != 0 && frame[..6].IndexOfAnyExcept((byte)0) >= 0
                && _sender.TrySend(frame, injector.HeldAt(i), device);
            sent += isSent ? 1 : 0;
            _injectFailed += isSent ? 0 : 1;
        }

        injector.Clear();
        return sent;
    }

    private void Tick(long nowUs)
    {
        if (nowUs - _lastTickUs < processor.TickEveryUs && nowUs >= _lastTickUs)
        {
            return;
        }

        _lastTickUs = nowUs;
        processor.Tick(nowUs);
        if (processor.Injector.Count > 0)
        {
            _injected += Drain(0);
        }
    }

    private static long NowUs() => (DateTime.UtcNow.Ticks - DateTime.UnixEpoch.Ticks) / TimeSpan.TicksPerMicrosecond;
}
