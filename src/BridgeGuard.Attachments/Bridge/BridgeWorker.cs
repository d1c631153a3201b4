using System.Buffers.Binary;
using BridgeGuard.Attachments.Interop;
using BridgeGuard.Attachments.Rejects;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Policy;
using BridgeGuard.Engine.Worker;

namespace BridgeGuard.Attachments.Bridge;

/// <summary>One queue of the punt device, one thread: reads a frame, asks the engine, writes it back or not. Allocates nothing per frame.</summary>
/// <remarks>
/// A frame is read as <c>virtio_net_hdr (12) | MACs (12) | outer tag (4) | rest</c>. For the engine the MACs move right over the tag, so that it sees
/// the guest's own frame; for the way back they move left again and the tag is put where it was. Offsets in the virtio header count the outer tag
/// both ways, so the header goes back as it came.
/// </remarks>
internal sealed class BridgeWorker
{
    /// <summary>A GSO super-frame, its tags and the header, rounded up (17 pages).</summary>
    private const int ReadBytes = 69_632;

    private const int HeadroomBytes = 64;
    private const int HeaderAt = HeadroomBytes;
    private const int MacsAt = HeaderAt + PuntDevice.VnetHeaderBytes;
    private const int MacsBytes = 12;
    private const int TagAt = MacsAt + MacsBytes;
    private const int TagBytes = 4;
    private const int FrameAt = MacsAt + TagBytes;
    private const int EthernetBytes = 14;
    private const int MinReadBytes = PuntDevice.VnetHeaderBytes + EthernetBytes + TagBytes;

    private const int HeaderFlags = 0;
    private const int HeaderGsoType = 1;
    private const int HeaderGsoSize = 4;
    private const byte FlagNeedsChecksum = 1;
    private const byte FlagDataValid = 2;

    private const int PollMs = 50;

    // Of the backlog limit: what a run holds back counts as waiting.
    private const int RunShare = 16;

    private const int MaxSegments = 64;

    /// <summary>Decided flows whose traffic may wait to be told to the engine; with more the rest is told at the next aging.</summary>
    private const int MaxBypassedTold = 4096;

    private readonly int _queue;
    private readonly int _fd;
    private readonly IFrameProcessor _processor;
    private readonly SharedState _state;
    private readonly FlowDecisions _decisions;
    private readonly PortTable _ports;
    private readonly SegmentRun _run = new();
    private readonly QueueWaits _waits = new();
    private readonly int _maxSegments;

    // Frames are read into the one; a run of segments, while there is one, is in the other.
    private byte[] _buffer = GC.AllocateArray<byte>(HeadroomBytes + ReadBytes, pinned: true);
    private byte[] _runBuffer = GC.AllocateArray<byte>(HeadroomBytes + ReadBytes, pinned: true);
    private readonly byte[] _original = new byte[ReadBytes];
    private readonly byte[] _made = GC.AllocateArray<byte>(PuntDevice.VnetHeaderBytes + TagBytes + HeldFrame.MaxBytes, pinned: true);

    // Told by the aging thread, taken by the worker at its tick.
    private readonly BypassedTraffic[] _bypassed = new BypassedTraffic[MaxBypassedTold];
    private readonly Lock _bypassedLock = new();
    private int _bypassedCount;

    private long _progress;
    private long _lost;
    private long _done;
    private long _lastTickUs;
    private volatile bool _stop;

    // Counters: this thread writes, any thread reads.
    private long _frames, _bytes, _passed, _modified, _dropped, _rejects, _injected, _injectFailed, _writeFailed, _malformed;
    private long _markRefused, _offloaded, _offloadRefused, _joined, _faults, _allocated;

    public BridgeWorker(int queue, PuntDevice device, IFrameProcessor processor, SharedState state, FlowDecisions decisions, PortTable ports, BridgeOptions options)
    {
        _maxSegments = options.JoinSegments ? Math.Min(MaxSegments, options.BacklogFrames / RunShare) : 0;
        _queue = queue;
        _fd = device.QueueFd(queue);
        _processor = processor;
        _state = state;
        _decisions = decisions;
        _ports = ports;
    }

    /// <summary>Odd while a frame is in work, even while it waits for one; what stays odd and equal has hung.</summary>
    public long Progress => Volatile.Read(ref _progress);

    /// <summary>False once the thread has left its loop.</summary>
    public bool IsRunning { get; private set; } = true;

    /// <summary>Frames whose processor threw; they were dropped.</summary>
    public long Faults => Volatile.Read(ref _faults);

    /// <summary>The last exception that came out of a processor.</summary>
    public Exception? LastFault { get; private set; }

    /// <summary>Frames that were sent to the queue and never came out of it.</summary>
    public long Lost => Volatile.Read(ref _lost);

    public int Queue => _queue;

    /// <summary>Bytes that this worker's thread has allocated; as of its last tick.</summary>
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
        Offloaded = Volatile.Read(ref _offloaded),
        OffloadRefused = Volatile.Read(ref _offloadRefused),
        Joined = Volatile.Read(ref _joined),
        MarkRefused = Volatile.Read(ref _markRefused),
    };

    public void Stop() => _stop = true;

    /// <summary>Whether a frame waits in the queue.</summary>
    public bool HasInput()
    {
        Libc.PollFd poll = new() { Fd = _fd, Events = Libc.PollIn };
        return Libc.Poll(ref poll, 1, 0) > 0;
    }

    /// <summary>Called by the heartbeat when frames have vanished between the port program and the queue, so that the backlog does not stay high.</summary>
    public void AddLost(long frames)
    {
        Interlocked.Add(ref _lost, frames);
        _state.SetDone(_queue, Volatile.Read(ref _done) + Lost);
    }

    /// <summary>What the kernel carried of a flow of this worker; false when too much waits already. Any thread.</summary>
    public bool TryTell(in BypassedTraffic traffic)
    {
        lock (_bypassedLock)
        {
            if (_bypassedCount == MaxBypassedTold)
            {
                return false;
            }

            _bypassed[_bypassedCount++] = traffic;
            return true;
        }
    }

    /// <summary>The thread's body.</summary>
    public void Run(int cpu)
    {
        if (cpu >= 0)
        {
            ulong mask = 1ul << cpu;
            Libc.SetAffinity(0, sizeof(ulong), ref mask);
        }

        Libc.RaisePriority(BridgeOptions.WorkerNice);
        try
        {
            Loop();
        }
        finally
        {
            IsRunning = false;
        }
    }

    private void Loop()
    {
        while (!_stop)
        {
            nint length = Libc.Read(_fd, ref _buffer[HeaderAt], ReadBytes);
            if (length >= MinReadBytes)
            {
                Volatile.Write(ref _progress, _progress + 1);
                long now = NowUs();
                TakeFrame((int)length, now);
                Tick(now);
                Volatile.Write(ref _progress, _progress + 1);
            }
            else if (length >= 0)
            {
                _malformed++;
            }
            else if (!WaitForInput())
            {
                return;
            }
        }

        SendRun();
    }

    private bool WaitForInput()
    {
        int error = Libc.LastError();
        if (_run.Count > 0)
        {
            Volatile.Write(ref _progress, _progress + 1);
            SendRun();
            Volatile.Write(ref _progress, _progress + 1);
        }

        if (error == Libc.ErrorAgain)
        {
            Libc.PollFd poll = new() { Fd = _fd, Events = Libc.PollIn };
            if (Libc.Poll(ref poll, 1, (int)Math.Clamp(_processor.TickEveryUs / 1000, 1, PollMs)) <= 0)
            {
                Volatile.Write(ref _progress, _progress + 1);
                Tick(NowUs());
                Volatile.Write(ref _progress, _progress + 1);
            }

            return true;
        }

        // EIO while the device is down is what a clean end looks like; anything else means that it has gone.
        return error is Libc.ErrorInterrupted or Libc.ErrorNoBuffers;
    }

    private void TakeFrame(int read, long nowUs)
    {
        Span<byte> all = _buffer;
        if (BinaryPrimitives.ReadUInt16BigEndian(all[TagAt..]) != KernelLayout.TagProtocol)
        {
            // The host's own stack may send something to the device; it is not ours and goes nowhere.
            _malformed++;
            return;
        }

        ushort tag = BinaryPrimitives.ReadUInt16BigEndian(all[(TagAt + 2)..]);
        all.Slice(MacsAt, MacsBytes).CopyTo(all[FrameAt..]);
        int length = read - PuntDevice.VnetHeaderBytes - TagBytes;
        byte flags = all[HeaderAt + HeaderFlags];
        int kind = tag >> KernelLayout.TagPcpShift;
        ushort port = (ushort)(tag & KernelLayout.TagVidMask);
        port = kind == KernelLayout.TagUnseen ? _state.PortOfLate(port) : port;
        bool isMirrored = kind == KernelLayout.TagMirrored;
        bool isMonitored = !isMirrored && _ports.AnyMonitored && _ports.Find(port) is { Mode: PortMode.Monitor };
        FrameInfo info = new()
        {
            TimestampUs = nowUs,
            WaitedUs = _processor.Injector.WantsWait ? _waits.Take(_done + Volatile.Read(ref _lost), _state.Punted(_queue), nowUs) : 0,

            // A late frame names the port that it was about to leave by; where it came from is not known yet.
            PortId = kind is KernelLayout.TagLate or KernelLayout.TagUnseen ? (ushort)0 : port,
            BridgeId = _ports.Find(port)?.BridgeId ?? 0,
            LinkType = LinkType.Ethernet,
            GsoSize = all[HeaderAt + HeaderGsoType] == 0 ? (ushort)0 : BinaryPrimitives.ReadUInt16LittleEndian(all[(HeaderAt + HeaderGsoSize)..]),
            Checksum = (flags & FlagNeedsChecksum) != 0 ? ChecksumState.Partial
                : (flags & FlagDataValid) != 0 ? ChecksumState.Valid : ChecksumState.Unknown,
            IsPassive = isMirrored || isMonitored,
        };
        _frames++;
        _bytes += length;
        Judge(length, in info, tag, isMirrored, isMonitored);
        _done++;
        if (_run.Count == 0)
        {
            _state.SetDone(_queue, _done + Volatile.Read(ref _lost));
        }
    }

    private void Judge(int length, in FrameInfo info, ushort tag, bool isMirrored, bool isMonitored)
    {
        if (isMonitored)
        {
            _buffer.AsSpan(FrameAt, length).CopyTo(_original);
        }

        if (_decisions.AnyDecided && !isMirrored)
        {
            ForgetReopened(length, info.PortId);
        }

        Verdict verdict;
        try
        {
            verdict = _processor.Process(_buffer, FrameAt, length, in info);
        }
        catch (Exception error)
        {
            // The engine has a net of its own; what comes through it is a bug. The frame may be half rewritten, so it goes nowhere.
            _faults++;
            LastFault = error;
            verdict = new Verdict { Action = VerdictAction.Drop };
        }

        if (isMirrored)
        {
            SendRun();
            _processor.Injector.Clear();
            return;
        }

        if (isMonitored)
        {
            // Whatever the engine thinks of the frame: it goes on as it came, and nothing else does.
            _processor.Injector.Clear();
            _original.AsSpan(0, length).CopyTo(_buffer.AsSpan(FrameAt));
            _passed++;
            WriteBack(length, tag, mayJoin: false);
            return;
        }

        CarryOut(length, in info, in verdict, TagBack(tag));
    }

    /// <summary>How a frame goes back: as it came; by the port that it was about to leave by; or once more into the bridge, which then sends it to whom it is for.</summary>
    private static ushort TagBack(ushort tag) => (tag >> KernelLayout.TagPcpShift) switch
    {
        KernelLayout.TagLate => (ushort)((tag & KernelLayout.TagVidMask) | (KernelLayout.TagToGuest << KernelLayout.TagPcpShift)),
        KernelLayout.TagUnseen => (ushort)((tag & KernelLayout.TagVidMask) | KernelLayout.TagMark(KernelLayout.MarkUnseen)),
        _ => tag,
    };

    private void CarryOut(int length, in FrameInfo info, in Verdict verdict, ushort tag)
    {
        int mark = verdict.Mark == 0 ? 0 : _state.PlaceOf(verdict.Mark);
        _markRefused += verdict.Mark != 0 && mark == 0 ? 1 : 0;
        if (verdict.Offload != FlowOffload.None)
        {
            Offload(length, info.PortId, verdict.Offload, mark);
        }

        FrameInjector injector = _processor.Injector;
        if (injector.Count > 0)
        {
            _injected += Drain(injector);
        }

        if (verdict.Action == VerdictAction.Drop)
        {
            SendRun();
            _dropped++;
            if (verdict.Reject != RejectTarget.None)
            {
                RejectCrafter.Craft(_buffer.AsSpan(FrameAt, length), verdict.Reject, info.PortId, injector);
                _rejects += Drain(injector);
            }

            return;
        }

        _passed++;
        _modified += verdict.Modified ? 1 : 0;
        if (verdict.ToPort != 0)
        {
            tag = (ushort)(verdict.ToPort | (KernelLayout.TagToGuest << KernelLayout.TagPcpShift));
        }

        // A frame on its second way into the bridge has no room in its tag for a mark; its MARK_UNSEEN has all of those bits.
        WriteBack(length, (ushort)(tag | KernelLayout.TagMark(mark)), mayJoin: !verdict.Modified && _maxSegments > 1);
    }

    private void WriteBack(int length, ushort tag, bool mayJoin)
    {
        Span<byte> all = _buffer;
        all.Slice(FrameAt, MacsBytes).CopyTo(all[MacsAt..]);
        BinaryPrimitives.WriteUInt16BigEndian(all[TagAt..], KernelLayout.TagProtocol);
        BinaryPrimitives.WriteUInt16BigEndian(all[(TagAt + 2)..], tag);
        int total = PuntDevice.VnetHeaderBytes + TagBytes + length;
        if (mayJoin && TryJoin(all.Slice(HeaderAt, total)))
        {
            return;
        }

        SendRun();
        _writeFailed += TryWrite(ref all[HeaderAt], total) ? 0 : 1;
    }

    /// <summary>Whether the frame is now in the run, or begins one.</summary>
    private bool TryJoin(ReadOnlySpan<byte> frame)
    {
        if (_run.TryAppend(_runBuffer.AsSpan(HeaderAt), frame))
        {
            if (_run.IsComplete || _run.Count >= _maxSegments)
            {
                SendRun();
            }

            return true;
        }

        SendRun();
        if (!_run.TryBegin(frame))
        {
            return false;
        }

        (_buffer, _runBuffer) = (_runBuffer, _buffer);
        return true;
    }

    /// <summary>
    /// Writes the run, if there is one: before any other frame is written or dropped, and before the worker waits. Until then its frames do not count as done,
    /// so that decisions of the kernel let nothing overtake them.
    /// </summary>
    private void SendRun()
    {
        int count = _run.Count;
        if (count == 0)
        {
            return;
        }

        int total = _run.Finish(_runBuffer.AsSpan(HeaderAt));
        _joined += count > 1 ? count : 0;
        _writeFailed += TryWrite(ref _runBuffer[HeaderAt], total) ? 0 : count;
        _state.SetDone(_queue, _done + Volatile.Read(ref _lost));
    }

    private bool TryWrite(ref byte frame, nint total) => Libc.Write(_fd, ref frame, total) == total;

    private void Offload(int length, ushort portId, FlowOffload decision, int mark)
    {
        PortInfo? port = _ports.Find(portId);
        bool isTaken = port is not null && (decision == FlowOffload.Move
            ? _decisions.TryMove(_processor.Injector.Move, port.BridgeId, _queue, mark, _ports)
            : _decisions.TryDecide(decision, _buffer.AsSpan(FrameAt, length), port.BridgeId, _queue, mark));
        if (isTaken)
        {
            _offloaded++;
        }
        else
        {
            _offloadRefused++;
        }
    }

    private void ForgetReopened(int length, ushort portId)
    {
        PortInfo? port = _ports.Find(portId);
        if (port is not null && FlowKey.Read(_buffer.AsSpan(FrameAt, length), port.BridgeId, out FlowKey key) == FlowKeyKind.Opening)
        {
            _decisions.Forget(in key);
        }
    }

    /// <summary>Writes what waits in the injector; how many frames the kernel took.</summary>
    private int Drain(FrameInjector injector)
    {
        SendRun();
        int sent = 0;
        for (int i = 0; i < injector.Count; i++)
        {
            ReadOnlySpan<byte> frame = injector.Get(i, out ushort portId, out InjectDirection direction);
            if (frame.Length < EthernetBytes)
            {
                _injectFailed++;
                continue;
            }

            Span<byte> made = _made;
            made[..PuntDevice.VnetHeaderBytes].Clear();
            if (injector.HeldAt(i) is { } held)
            {
                VnetHeader.Write(made, held, TagBytes);
            }

            Span<byte> body = made[PuntDevice.VnetHeaderBytes..];
            frame[..MacsBytes].CopyTo(body);
            int command = direction == InjectDirection.ToPort ? KernelLayout.TagToGuest : 0;
            BinaryPrimitives.WriteUInt16BigEndian(body[MacsBytes..], KernelLayout.TagProtocol);
            BinaryPrimitives.WriteUInt16BigEndian(body[(MacsBytes + 2)..], (ushort)(portId | (command << KernelLayout.TagPcpShift)));
            frame[MacsBytes..].CopyTo(body[(MacsBytes + TagBytes)..]);
            nint total = PuntDevice.VnetHeaderBytes + TagBytes + frame.Length;
            if (TryWrite(ref made[0], total))
            {
                sent++;
            }
            else
            {
                _injectFailed++;
            }
        }

        injector.Clear();
        return sent;
    }

    private void Tick(long nowUs)
    {
        if (nowUs - _lastTickUs < _processor.TickEveryUs && nowUs >= _lastTickUs)
        {
            return;
        }

        _lastTickUs = nowUs;
        if (Volatile.Read(ref _bypassedCount) > 0)
        {
            lock (_bypassedLock)
            {
                for (int i = 0; i < _bypassedCount; i++)
                {
                    _processor.NoteBypassed(in _bypassed[i]);
                }

                _bypassedCount = 0;
            }
        }

        Volatile.Write(ref _allocated, GC.GetAllocatedBytesForCurrentThread());
        _processor.Tick(nowUs);
        if (_processor.Injector.Count > 0)
        {
            _injected += Drain(_processor.Injector);
        }
    }

    private static long NowUs() => (DateTime.UtcNow.Ticks - DateTime.UnixEpoch.Ticks) / TimeSpan.TicksPerMicrosecond;
}
