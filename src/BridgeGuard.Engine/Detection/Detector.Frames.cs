using BridgeGuard.Engine.Detection.Transforms;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Protocols.Frames;
using BridgeGuard.Engine.Streams;

namespace BridgeGuard.Engine.Detection;

/// <content>Rules over the frames that parsers point out.</content>
/// <remarks>
/// A frame is looked at when it is whole or its direction has ended; before that inline with every new byte, passively when a chunk of new bytes
/// is there (the same size as for rules over the stream). What was looked at is shown again a little, so that a pattern across two looks is seen.
/// </remarks>
public sealed partial class Detector
{
    /// <summary>Bytes of a frame shown again passively; as for the raw stream.</summary>
    private const int FrameOverlapBytes = 1024;

    private void InspectFrames()
    {
        Flow flow = _flow!;
        if (flow.FramesOf(_packet.Direction) is not { Count: > 0 } frames)
        {
            return;
        }

        FrameRules[] rules = _rules.FrameRules[((int)flow.AppState!.Protocol.Id * 2) + (int)_packet.Direction];
        for (int i = 0; i < frames.Count; i++)
        {
            ref Frame frame = ref frames[i];
            if (frame.IsInspected)
            {
                continue;
            }

            if (flow.Tcp is null)
            {
                frame.IsInspected = true;
                ReadOnlySpan<byte> payload = _packet.Payload;
                int start = (int)Math.Clamp(frame.Offset, 0, payload.Length);
                InspectFrame(rules, in frame, payload[start..(int)Math.Clamp(frame.End, start, payload.Length)], 0, 0);
            }
            else
            {
                InspectStreamFrame(rules, flow, ref frame);
            }
        }
    }

    private void InspectStreamFrame(FrameRules[] rules, Flow flow, ref Frame frame)
    {
        Reassembler reassembler = Reassembler!;
        long available = reassembler.GetInspectableEnd(flow, _packet.Direction);
        bool isEnded = Reassembler.IsEnded(flow, _packet.Direction);
        bool isWhole = available >= frame.End;
        long reached = Math.Min(available, frame.End) - frame.Offset;
        bool hasNews = reached > frame.Seen || (reassembler.IsInline && isEnded);
        int chunk = reassembler.GetChunkSize(flow, _packet.Direction);

        // Suricata compares the place in the stream with what was seen of the frame; frames later in a stream are thus looked at sooner.
        InspectHeld(rules, flow, ref frame);
        bool isDue = isWhole || isEnded || (reassembler.IsInline ? hasNews : hasNews && available - frame.Seen >= chunk);
        if (!isDue || reached < 0)
        {
            return;
        }

        if (hasNews)
        {
            long seen = Math.Min(frame.Seen, reached);
            int overlap = reassembler.IsInline ? chunk : FrameOverlapBytes;
            RawWindow window = reassembler.GetFrameWindow(
                flow, _packet.Direction, frame.Offset + Math.Max(0, seen - overlap), frame.End);
            long offset = window.Offset - frame.Offset;
            int fresh = reassembler.IsInline ? 0 : (int)Math.Clamp(seen - offset, 0, window.Data.Length);
            if (!window.Data.IsEmpty)
            {
                InspectFrame(rules, in frame, window.Data, offset, fresh);
            }
        }

        frame.Seen = Math.Max(frame.Seen, reached);
        frame.IsInspected = isWhole || isEnded;
    }

    /// <summary>What is before a hole is looked at by itself; it is not kept for another look.</summary>
    private void InspectHeld(FrameRules[] rules, Flow flow, ref Frame frame)
    {
        for (int i = 0; Reassembler.TryGetHeldFrameWindow(flow, _packet.Direction, i, frame.Offset, frame.End, out RawWindow held); i++)
        {
            long end = held.Offset + held.Data.Length - frame.Offset;
            if (end > frame.Seen && !held.Data.IsEmpty)
            {
                long offset = held.Offset - frame.Offset;
                InspectFrame(rules, in frame, held.Data, offset, (int)Math.Clamp(frame.Seen - offset, 0, held.Data.Length));
                frame.Seen = end;
            }
        }
    }

    private void InspectFrame(FrameRules[] all, in Frame frame, ReadOnlySpan<byte> bytes, long start, int fresh)
    {
        foreach (FrameRules rules in all)
        {
            if (rules.Type != frame.Type)
            {
                continue;
            }

            ReadOnlySpan<byte> data = bytes;
            (long offset, int freshFrom) = (start, fresh);
            foreach (Transform transform in _rules.BufferTransforms[rules.Buffer])
            {
                // What comes out has places of its own.
                data = transform.Apply(data, _transformScratch);
                (offset, freshFrom) = (0, 0);
            }

            ClearCandidates();
            AddGroupMembers(rules.Always);
            if (rules.Table is { } table)
            {
                if (_settings.Detection.Prefilter)
                {
                    _matches.Clear();
                    table.Set.ScanChunk(data, offset, isLast: true, _matches);
                    AddGroupMembers(_matches.Ids);
                }
                else
                {
                    AddGroupMembers(table.Rules);
                }
            }

            int previous = -1;
            foreach (int rule in SortedCandidates())
            {
                if (rule != previous)
                {
                    EvaluateFrameRule(rule, in frame, data, offset, freshFrom);
                }

                previous = rule;
            }
        }
    }

    private void EvaluateFrameRule(int rule, in Frame frame, ReadOnlySpan<byte> data, long offset, int freshFrom)
    {
        ref readonly RuleEntry entry = ref _rules.Entries[rule];
        if (!IsVisible(entry))
        {
            return;
        }

        RulesEvaluated++;
        _inspector.BeginRule(_rules, _flow);
        _inspector.IsWindow = true;
        bool matches = MatchConditions(rule) && _inspector.Inspect(entry.Payload, data, offset, isComplete: true, freshFrom);
        _inspector.IsWindow = false;
        if (matches)
        {
            OnMatch(rule, AlertFlags.Frame, frame.HasTransaction ? FindTransaction(frame.TransactionId) : null, in frame);
        }
    }

    private Transaction? FindTransaction(ulong id)
    {
        TransactionList transactions = _flow!.AppState!.Transactions;
        int index = transactions.IndexOfId(id);
        return index < 0 ? null : transactions[index];
    }
}
