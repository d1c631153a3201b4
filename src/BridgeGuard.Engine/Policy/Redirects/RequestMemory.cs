namespace BridgeGuard.Engine.Policy.Redirects;

/// <summary>What a client has sent of the request that is going on: from the first byte after its server's last answer. A move in the middle begins with it.</summary>
/// <remarks>Pooled by the <see cref="Redirector"/>; owned by one flow of a guest whose role has a target. In order only: a hole ends it.</remarks>
public sealed class RequestMemory
{
    /// <summary>Bytes kept: a request line, its headers and a small body, and as many segments as one injection has room for.</summary>
    public const int MaxBytes = 16_384;

    private readonly byte[] _bytes = new byte[MaxBytes];
    private uint _start;

    public int Length { get; private set; }

    /// <summary>The request outgrew the memory, or bytes came out of order: its beginning cannot be told any more.</summary>
    public bool IsLost { get; private set; }

    /// <summary>The server has answered: what the client sends next is another request.</summary>
    public void Clear()
    {
        Length = 0;
        IsLost = false;
    }

    /// <summary>The client has sent bytes and they went on to its server.</summary>
    public void Append(uint sequence, ReadOnlySpan<byte> payload)
    {
        if (IsLost)
        {
            return;
        }

        if (Length == 0)
        {
            _start = sequence;
        }

        // What was sent again brings only its end.
        int known = unchecked((int)(_start + (uint)Length - sequence));
        if (known < 0 || Length + payload.Length - Math.Min(known, payload.Length) > MaxBytes)
        {
            IsLost = true;
            return;
        }

        if (known < payload.Length)
        {
            payload[known..].CopyTo(_bytes.AsSpan(Length));
            Length += payload.Length - known;
        }
    }

    /// <summary>The bytes before a sequence number; empty when they are not known without a hole.</summary>
    public ReadOnlySpan<byte> Before(uint sequence)
    {
        int count = unchecked((int)(sequence - _start));
        return IsLost || count <= 0 || count > Length ? default : _bytes.AsSpan(0, count);
    }
}
