using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Streams;

/// <summary>In-order bytes that are handed over at once reach the application layer where they are, in the packet's buffer.</summary>
/// <remarks>
/// <para>
/// A loan begins in <see cref="Insert"/> and ends, within the same packet, in <see cref="EndLoan"/>. Until then the stream counts the bytes as its own. What is
/// needed afterwards is copied then and only then: what the parser left, what rules on the stream look at, and inline what was not acknowledged, because
/// a second copy must be compared with it, and rewritten where it differs.
/// </para>
/// <para>
/// Passively bytes are handed over when they are acknowledged, with another packet, when the attachment has its buffer back: those are copied once, as they come.
/// </para>
/// </remarks>
public sealed partial class Reassembler
{
    // Of the one stream with a loan: where its bytes are.
    private byte[] _loan = [];
    private int _loanStart;

    /// <summary>Bytes that were copied before the application layer saw them: out of order, behind an unfinished element, or waiting for their acknowledgement.</summary>
    public long CopiedAheadBytes { get; private set; }

    /// <summary>Bytes that were copied after the application layer saw them, because somebody still needs them.</summary>
    public long KeptBytes { get; private set; }

    /// <summary>Off, all bytes are copied first; tests compare the two.</summary>
    internal bool LendsInOrder { get; set; } = true;

    /// <summary>The parser has taken all that came before, the bytes go to it now, and there is memory to keep them afterwards.</summary>
    private bool MayLend(Flow flow, TcpStream stream, int length) =>
        LendsInOrder
        && (_inline || flow.Tcp!.Has(TcpSessionFlags.Async))
        && stream.LoanLength == 0
        && stream.PlacedCount == 0
        && stream.AppOffset >= stream.EndOffset
        && !IsAppDone(flow, stream)
        && _slabs.HasRoomFor(2L * (stream.DataLength + length));

    private void Lend(TcpStream stream, Packet packet, long skipped, int length)
    {
        _loan = packet.Buffer;
        _loanStart = packet.PayloadOffset + (int)skipped;
        stream.LoanLength = length;
    }

    /// <summary>What the application layer has not consumed of the lent bytes; all before them it has.</summary>
    private ReadOnlySpan<byte> ViewLoan(TcpStream stream, long upTo)
    {
        int from = (int)(stream.AppOffset - stream.Base) - stream.DataLength;
        return _loan.AsSpan(_loanStart + from, (int)(upTo - stream.AppOffset));
    }

    /// <summary>The packet's buffer goes back: keeps what is still needed of it.</summary>
    internal void EndLoan(Flow flow, TcpStream stream)
    {
        if (stream.LoanLength == 0)
        {
            return;
        }

        long keep = KeepFrom(flow, stream);
        long lentFrom = stream.Base + stream.DataLength;
        ReadOnlySpan<byte> bytes = _loan.AsSpan(_loanStart, stream.LoanLength);
        stream.LoanLength = 0;
        if (stream.DataLength == 0)
        {
            int skip = (int)Math.Clamp(keep - lentFrom, 0, bytes.Length);
            stream.Base += skip;
            stream.GapBefore = skip > 0 ? 0 : stream.GapBefore;
            bytes = bytes[skip..];
        }

        // Delivered, so they stand: no borders of segments are noted.
        if (bytes.Length > 0 && !Append(stream, bytes))
        {
            LoseLoan(stream, bytes.Length);
            return;
        }

        KeptBytes += bytes.Length;
        CopiedAheadBytes -= bytes.Length;
        _counters.Set(Worker.Counter.TcpReassemblyMemoryUse, _slabs.UsedBytes);
    }

    /// <summary>A defect ended the packet before its loan: the bytes are gone with it.</summary>
    private void ForgetLoan(TcpStream stream)
    {
        int length = stream.LoanLength;
        stream.LoanLength = 0;
        LoseLoan(stream, length);
    }

    /// <summary>Memory ran out between the promise and the copy: the stream goes on behind what it has.</summary>
    private void LoseLoan(TcpStream stream, int length)
    {
        if (stream.Data is { } data)
        {
            _slabs.Return(data);
            stream.Data = null;
        }

        stream.Base += stream.DataLength + length;
        stream.DataStart = stream.DataLength = 0;
        stream.AppOffset = stream.Base;
        stream.RawOffset = Math.Max(stream.RawOffset, stream.Base);
    }
}
