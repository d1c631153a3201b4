using System.Buffers.Binary;
using BridgeGuard.Engine.Detection;
using BridgeGuard.Engine.Files;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Policy;
using BridgeGuard.Engine.Policy.Roles;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Streams;

namespace BridgeGuard.Engine.Worker;

/// <content>Files on their way: what waits for a verdict, what goes on, what is stopped.</content>
public sealed partial class PacketWorker
{
    /// <summary>How often holds are looked at: what a file's last packet waits longer than its scan.</summary>
    private const long HoldTickUs = 1_000;

    /// <summary>A packet that comes again after so long comes from its sender's timer (RFC 6298 §2: a second, Linux 200 ms), not out of order.</summary>
    private const long RepeatedUs = 150_000;

    private const long IdleTickUs = 100_000;

    /// <summary>A writer that sends nothing for so long after a whole write waits for the answer. Writers that go on do so within a round trip.</summary>
    private const long WriterPauseUs = 5_000;

    private readonly HeldFrames _heldFrames = new();
    private readonly List<FileHold> _holds = [];

    /// <inheritdoc/>
    public long TickEveryUs => _holds.Count > 0 ? HoldTickUs : IdleTickUs;

    /// <summary>What became of files that waited.</summary>
    public FileHoldCounters FileHolds { get; } = new();

    /// <summary>There was no memory to look at the packet's bytes: where files must not arrive unjudged it does not go on, and comes again.</summary>
    private void HoldUnseen(Packet packet, Flow flow)
    {
        if (_fileVerdicts is not null && _settings.IsInline && ReceiverRole(flow, packet.Direction) is { FilesFailOpen: false } role && role.Files != FileDelivery.Observe)
        {
            packet.Drop(DropReason.StreamReassembly);
        }
    }

    /// <summary>A file that ended, grew or waits: does the packet go on?</summary>
    private void JudgeFiles(Packet packet, Flow flow)
    {
        TrackedFile? ended = _files.LastClosed;
        TrackedFile? growing = _files.Growing;
        _files.LastClosed = null;
        _files.Growing = null;
        _files.NowUs = packet.TimeUs;
        ulong completed = _files.CompletedPlace;
        _files.CompletedPlace = 0;
        if (ended is null && growing is null && completed == 0 && flow.Hold is not { IsActive: true })
        {
            return;
        }

        if (ended is not null && JudgeEnded(packet, flow, ended))
        {
            return;
        }

        if (packet.Has(PacketFlags.Pseudo) || _fileVerdicts is null || !Enforces(packet))
        {
            return;
        }

        if (growing is not null && packet.Direction == growing.Direction && JudgeGrowing(packet, flow, growing))
        {
            return;
        }

        if (completed != 0)
        {
            HoldPiece(packet, flow, completed);
        }

        if (flow.Hold is { IsActive: true } hold && packet.Direction == hold.Direction)
        {
            ContinueHold(packet, flow, hold);
        }
    }

    /// <summary>With this packet all of a file would be out, in pieces over several connections: it waits until the whole was judged, whoever fetches that.</summary>
    private void HoldPiece(Packet packet, Flow flow, ulong place)
    {
        RoleModel role = ReceiverRole(flow, packet.Direction);
        FileHold? hold = flow.Hold is { IsActive: true } active && active.Direction == packet.Direction ? active : null;
        if (role.Files == FileDelivery.Observe || hold is { HasFile: true } || IsCleanPlace(place))
        {
            return;
        }

        if (hold is not { Kind: HoldKind.Head })
        {
            if (hold is not null && !hold.IsRepeatedBy(packet))
            {
                SendHeld(hold); // Another packet's copy; of this one nothing may go.
            }

            hold = BeginHold(HoldKind.Piece, packet, flow, role);
        }

        hold.AwaitPlace(place);
    }

    private bool IsCleanPlace(ulong place) => _files.TryGetWhole(place, out ReadOnlySpan<byte> sha256, out long size)
        && _fileVerdicts!.Lookup(sha256, size) == FileVerdictKind.Clean;

    /// <summary>A file is whole, or a piece of it is known: true when it was stopped.</summary>
    private bool JudgeEnded(Packet packet, Flow flow, TrackedFile file)
    {
        RoleModel role = ReceiverRole(flow, file.Direction);
        bool isHeld = role.Files != FileDelivery.Observe && Enforces(packet);
        if (file.Verdict == FileVerdictKind.Malicious)
        {
            _fileVerdicts?.RememberPlace(file.Place, file.PartOffset >= 0 ? file.PartTotal : file.Size);
            if (!isHeld)
            {
                AddBuiltIn(BuiltInRules.MaliciousFileSeen);
                return false;
            }

            Stop(packet, flow, BuiltInRules.MaliciousFileBlocked);
            return true;
        }

        if (!isHeld || _fileVerdicts is null || packet.Has(PacketFlags.Pseudo) || packet.Direction != file.Direction)
        {
            return false;
        }

        // At the depth of its stream a file only seems to end: what was seen of it says nothing about the rest.
        bool isCutOff = file.AnnouncedSize < 0 && flow.Tcp?.StreamOf(packet.Direction) is { } stream && stream.Has(TcpStreamFlags.DepthReached);
        if (isCutOff && role.FilesFailOpen)
        {
            if (flow.Hold is { IsActive: true, HasFile: false } waiting && waiting.Direction == packet.Direction)
            {
                Release(packet, waiting);
            }

            return false;
        }

        if ((isCutOff || file.Verdict == FileVerdictKind.Error) && !role.FilesFailOpen)
        {
            Stop(packet, flow, BuiltInRules.UnjudgedFileBlocked);
            return true;
        }

        if (flow.Hold is { IsActive: true } hold && hold.Direction == packet.Direction)
        {
            hold.Await(file); // Also a clean one: what waits may go on.
        }
        else if (file.Verdict is FileVerdictKind.Unknown or FileVerdictKind.Pending)
        {
            BeginHold(HoldKind.Tail, packet, flow, role).Await(file);
        }

        return false;
    }

    /// <summary>A file got bytes and goes on: true when it was stopped.</summary>
    private bool JudgeGrowing(Packet packet, Flow flow, TrackedFile file)
    {
        RoleModel role = ReceiverRole(flow, file.Direction);
        if (role.Files == FileDelivery.Observe)
        {
            return false;
        }

        if ((file.PartOffset > 0 && !role.AllowsPieces && !file.IsJoined)
            || ((file.IsContradicted || file.ContinuesUnseen) && !role.FilesFailOpen))
        {
            Stop(packet, flow, BuiltInRules.UnjudgedFileBlocked);
            return true;
        }

        FileHold? hold = flow.Hold is { IsActive: true } active && active.Direction == packet.Direction ? active : null;
        if (hold is { HasCandidate: true } && !hold.IsCandidateOf(file))
        {
            hold.AwaitCandidate(_fileSink!, _fileVerdicts!); // Another file goes on: that says nothing about the end of the first.
        }

        if (file.MayEndHere && file.AnnouncedSize < 0)
        {
            return JudgePossibleEnd(packet, flow, file, hold, role);
        }

        bool isFirst = !file.WasSeenGrowing;
        file.WasSeenGrowing = true;
        if (hold is { Kind: HoldKind.Tail or HoldKind.Head or HoldKind.Piece })
        {
            hold.ProgressUs = packet.TimeUs;
            if (hold.Kind == HoldKind.Tail && !file.EndIsAnnounced)
            {
                hold.NoteGrowth(packet);
            }
            else if (hold is { Kind: HoldKind.Head, AwaitedPlace: 0 } && role.Files == FileDelivery.HoldAll && file.Size > role.FileHoldAllBytes)
            {
                ReleaseHead(packet, hold);
            }

            return false;
        }

        if (isFirst && packet.IsTcp && file.PartOffset < 0 && HoldsHead(role, flow, file))
        {
            BeginHold(HoldKind.Head, packet, flow, role);
        }
        else if (!file.EndIsAnnounced && file.AnnouncedSize < 0)
        {
            SendHeld(hold);
            BeginHold(HoldKind.Lag, packet, flow, role).Follow(file);
        }
        else if (hold is { HasCandidate: true })
        {
            SendHeld(hold); // The writer goes on: that was not the end.
            hold.End();
        }

        return false;
    }

    /// <summary>A write is whole and may be the last of its file: its last packet waits until the writer goes on, or what is there is judged.</summary>
    private bool JudgePossibleEnd(Packet packet, Flow flow, TrackedFile file, FileHold? hold, RoleModel role)
    {
        if (file.SinkFell || file.Sink.IsNone || _fileSink is null)
        {
            if (!role.FilesFailOpen)
            {
                Stop(packet, flow, BuiltInRules.UnjudgedFileBlocked); // Too long, or the scanner is behind: it would be stopped at its close.
                return true;
            }

            return false;
        }

        switch (file.IsPatch ? FileVerdictKind.Unknown : _fileVerdicts!.Lookup(file.JudgedHash, file.Size))
        {
            case FileVerdictKind.Malicious:
                _fileVerdicts!.RememberPlace(file.Place, file.Size);
                Stop(packet, flow, BuiltInRules.MaliciousFileBlocked);
                return true;
            case FileVerdictKind.Clean when hold is not { HasFile: true }:
                SendHeld(hold);
                hold?.End();
                return false;
        }

        if (hold is { HasFile: true })
        {
            hold.NoteGrowth(packet);
        }
        else
        {
            SendHeld(hold);
            hold = BeginHold(HoldKind.Lag, packet, flow, role);
        }

        hold.Propose(file);
        return false;
    }

    /// <summary>Protocols that ask for a file block by block would wait for ever for the first block's answer: they hold the end.</summary>
    private static bool HoldsHead(RoleModel role, Flow flow, TrackedFile file)
    {
        bool isStreamed = flow.App is ProtocolId.Http1 or ProtocolId.Http2 or ProtocolId.FtpData or ProtocolId.Smtp;
        return isStreamed && (role.Files == FileDelivery.HoldHead
            || (role.Files == FileDelivery.HoldAll && Math.Max(file.AnnouncedSize, file.Size) <= role.FileHoldAllBytes));
    }

    private FileHold BeginHold(HoldKind kind, Packet packet, Flow flow, RoleModel role)
    {
        FileHold hold = flow.Hold ??= new FileHold();
        hold.Begin(kind, packet, packet.PayloadLength > 0 ? _heldFrames.TryTake(packet) : null, role);
        FileHolds.BegunCount += kind == HoldKind.Lag ? 0 : 1;
        if (!hold.IsListed)
        {
            hold.IsListed = true;
            _holds.Add(hold);
        }

        return hold;
    }

    /// <summary>A packet in the direction in which something waits.</summary>
    private void ContinueHold(Packet packet, Flow flow, FileHold hold)
    {
        hold.ResolvePlace(_files);
        FileVerdictKind outcome = hold.HasFile ? hold.Outcome(_fileVerdicts!) : FileVerdictKind.Pending;
        bool isOver = packet.TimeUs >= hold.DeadlineUs && (hold.HasFile || !hold.FailsOpen || hold.Kind is HoldKind.Head or HoldKind.Piece);
        if (outcome == FileVerdictKind.Malicious)
        {
            Stop(packet, flow, BuiltInRules.MaliciousFileBlocked);
        }
        else if (outcome == FileVerdictKind.Clean)
        {
            Release(packet, hold);
        }
        else if ((isOver || outcome == FileVerdictKind.Error) && !hold.FailsOpen)
        {
            FileHolds.TimedOutCount += isOver ? 1 : 0;
            Stop(packet, flow, BuiltInRules.UnjudgedFileBlocked);
        }
        else if (isOver || outcome == FileVerdictKind.Error)
        {
            FileHolds.TimedOutCount += isOver ? 1 : 0;
            Release(packet, hold);
        }
        else if (!hold.HasFile && IsUnfollowed(packet, flow))
        {
            // The file goes on where nobody looks any more (depth, a parser that gave up): it will have no verdict.
            if (hold.FailsOpen)
            {
                Release(packet, hold);
                return;
            }

            Stop(packet, flow, BuiltInRules.UnjudgedFileBlocked);
        }
        else if (hold.Covers(packet))
        {
            if (IsStalled(hold, packet.TimeUs, ReceiverRole(flow, hold.Direction)))
            {
                Release(packet, hold);
                return;
            }

            if (hold is { Kind: HoldKind.Lag, HasFile: false, HasCandidate: false } && packet.IsTcp && packet.TimeUs - hold.ProgressUs >= RepeatedUs && hold.IsRepeatedBy(packet)
                && _fileSink is not null)
            {
                hold.JudgeSoFar(_fileSink, _fileVerdicts!);
            }

            packet.Drop(DropReason.FileHold);
        }
    }

    /// <summary>Nothing new has come for a while: what grows is let go on; a head goes over to holding the end.</summary>
    private static bool IsStalled(FileHold hold, long nowUs, RoleModel role) => hold is { HasFile: false, AwaitedPlace: 0 } && nowUs - hold.ProgressUs >= hold.StallUs
        && ((hold.Kind == HoldKind.Lag && hold.FailsOpen) || (hold.Kind == HoldKind.Head && role.Files == FileDelivery.HoldHead));

    private static bool IsUnfollowed(Packet packet, Flow flow) => flow.Has(FlowFlags.AppLayerError)
        || (flow.Tcp?.StreamOf(packet.Direction) is { } stream && stream.Has(TcpStreamFlags.DepthReached) && packet.PayloadLength > 0
            && !packet.Has(PacketFlags.StreamAdded));

    private void ReleaseHead(Packet packet, FileHold hold)
    {
        bool isSame = hold.IsRepeatedBy(packet);
        if (isSame || !SendHeld(hold))
        {
            hold.End();
        }

        hold.End();
    }

    /// <summary>What waited goes on: by this packet when it brings the same bytes, else by the copy, else by the sender's next try.</summary>
    private void Release(Packet packet, FileHold hold)
    {
        FileHolds.Released(packet.TimeUs - hold.StartedUs);
        if (!hold.IsRepeatedBy(packet))
        {
            SendHeld(hold);
        }

        hold.Pass();
        if (hold.IsActive && hold.Covers(packet))
        {
            packet.Drop(DropReason.FileHold);
        }
    }

    private bool SendHeld(FileHold? hold)
    {
        if (hold?.TakeFrame() is not { } frame)
        {
            return false;
        }

        if (Injector.TryAdd(frame))
        {
            return true;
        }

        frame.Owner.Return(frame);
        return false;
    }

    /// <summary>Time passes: what has its verdict by now goes on without waiting for its sender to repeat it. What is stopped is stopped with the next packet.</summary>
    private void TickHolds(long nowUs)
    {
        for (int i = _holds.Count - 1; i >= 0; i--)
        {
            FileHold hold = _holds[i];
            if (hold is { IsActive: true, HasCandidate: true, HasFile: false } && nowUs - hold.ProgressUs >= WriterPauseUs)
            {
                hold.AwaitCandidate(_fileSink!, _fileVerdicts!);
            }

            if (hold.IsActive && Injector.Count < FrameInjector.Capacity && IsDue(hold, nowUs))
            {
                FileHolds.Released(nowUs - hold.StartedUs);
                SendHeld(hold);
                hold.Pass();
            }

            if (!hold.IsActive)
            {
                hold.IsListed = false;
                _holds[i] = _holds[^1];
                _holds.RemoveAt(_holds.Count - 1);
            }
        }
    }

    private bool IsDue(FileHold hold, long nowUs)
    {
        hold.ResolvePlace(_files);
        if (!hold.HasFile)
        {
            return hold.FailsOpen && hold.Kind switch
            {
                HoldKind.Lag => nowUs - hold.ProgressUs >= hold.StallUs,
                HoldKind.Piece => nowUs >= hold.DeadlineUs,
                _ => false,
            };
        }

        FileVerdictKind outcome = hold.Outcome(_fileVerdicts!);
        return outcome == FileVerdictKind.Clean
            || (hold.FailsOpen && outcome != FileVerdictKind.Malicious && (outcome == FileVerdictKind.Error || nowUs >= hold.DeadlineUs));
    }

    /// <summary>The file ends here: both ends get a reset (a client that has nothing of it yet a page that says why) and nothing of the flow passes any more.</summary>
    private void Stop(Packet packet, Flow flow, RuleInfo why)
    {
        AddBuiltIn(why);
        FileHold? hold = flow.Hold is { IsActive: true } active && active.Direction == packet.Direction ? active : null;
        FileHolds.StoppedCount++;
        packet.Reject = TryAnswer(packet, flow, hold) ? RejectTarget.Source : RejectTarget.Both;
        if (hold is not null)
        {
            if (packet.IsTcp && !packet.Has(PacketFlags.Pseudo))
            {
                // A reset counts only at the number its receiver waits for (RFC 5961 §3.2); this frame goes nowhere else.
                BinaryPrimitives.WriteUInt32BigEndian(packet.Buffer.AsSpan(packet.NetworkOffset + packet.NetworkHeaderLength + 4), hold.FromSequence);
            }

            hold.End();
        }

        packet.Drop(DropReason.FileVerdict);
        flow.Flags |= FlowFlags.Dropped | FlowFlags.Rejected;
    }

    private bool TryAnswer(Packet packet, Flow flow, FileHold? hold)
    {
        if (flow.App != ProtocolId.Http1 || packet.Direction != Direction.ToClient || !packet.IsTcp || packet.TunnelDepth > 0
            || packet.EthernetOffset < 0 || packet.Has(PacketFlags.Pseudo | PacketFlags.Defragmented)
            || !ReceiverRole(flow, Direction.ToClient).BlockPage)
        {
            return false;
        }

        if (hold?.Frame is { } frame)
        {
            return BlockPage.TryAnswer(
                frame.Bytes.AsSpan(0, frame.Length), frame.TransportOffset, frame.HeaderLength, frame.IpVersion, frame.Info.PortId, Injector);
        }

        int start = packet.Start;
        return hold is null && BlockPage.TryAnswer(
            packet.Buffer.AsSpan(start, packet.Length), packet.NetworkOffset + packet.NetworkHeaderLength - start, packet.PayloadOffset - start,
            packet.IpVersion, packet.Info.PortId, Injector);
    }

    /// <summary>A file is told of with the next packet of its own direction, when rules have seen its end and may have asked to keep it.</summary>
    private void LogFiles(Packet packet, Flow flow, Transaction transaction, Direction direction)
    {
        if (transaction.Files(direction) is not { Count: > 0 } files)
        {
            return;
        }

        DeepenStream(flow, files);
        if (flow.Key.Protocol == IpProtocols.Tcp && packet.Direction != direction && !flow.Has(FlowFlags.Dropped)
            && !(flow.Tcp is { State: TcpState.Closed } && flow.IsOver(direction)))
        {
            return;
        }

        for (int i = 0; i < files.Count; i++)
        {
            TrackedFile file = files[i];
            if (file.IsEnded && !file.IsLogged)
            {
                file.IsLogged = true;
                _files.Settle(file);
                _events.File(flow, packet, transaction, direction, file);
            }
        }
    }

    /// <summary>Where a file is kept its stream may be followed further than others.</summary>
    private void DeepenStream(Flow flow, FileList files)
    {
        if (_settings.Files.StoreStreamDepth > 0 && flow.Tcp is { } session
            && (_settings.Files.StoreAll || (files.Count > 0 && files[files.Count - 1].StoreRequested)))
        {
            session.DepthBytes = _settings.Files.StoreStreamDepth;
        }
    }
}

/// <summary>What became of files that waited for a verdict. Written by one worker, read by anyone.</summary>
public sealed class FileHoldCounters
{
    internal long BegunCount;
    internal long TimedOutCount;
    internal long StoppedCount;
    private long _released;
    private long _heldUs;
    private long _longestUs;

    /// <summary>Files of which a part waited.</summary>
    public long Begun => Volatile.Read(ref BegunCount);

    /// <summary>Waits that ended with the file going on.</summary>
    public long ReleasedCount => Volatile.Read(ref _released);

    /// <summary>Waits that ended at their deadline.</summary>
    public long TimedOut => Volatile.Read(ref TimedOutCount);

    /// <summary>Files stopped, held before or not.</summary>
    public long Stopped => Volatile.Read(ref StoppedCount);

    /// <summary>Microseconds that files waited which went on, all together.</summary>
    public long HeldUs => Volatile.Read(ref _heldUs);

    public long LongestUs => Volatile.Read(ref _longestUs);

    internal void Released(long waitedUs)
    {
        _released++;
        _heldUs += Math.Max(0, waitedUs);
        _longestUs = Math.Max(_longestUs, waitedUs);
    }
}
