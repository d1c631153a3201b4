using System.Buffers.Text;

namespace BridgeGuard.Engine.Protocols.Redis;

/// <summary>Follows one reply through its parts: how many elements are to come on each level.</summary>
/// <remarks>
/// A reply is a line that begins with its type: a scalar, the length of a string that follows, or the number of elements that follow. Aggregates nest; an
/// attribute (RESP 3) is a map in front of the reply proper.
/// </remarks>
internal sealed class RedisReply
{
    private readonly long[] _left = new long[RedisLimits.MaxDepth];
    private int _depth;
    private bool _isAttribute;

    /// <summary>The reply has begun and is not over.</summary>
    public bool IsOpen { get; private set; }

    /// <summary>An attribute is over: the reply that it is about begins.</summary>
    public bool FollowsAttribute => IsOpen && _depth == 0;

    public static bool IsType(byte type) => "+-:$*_,#!=(%~>|"u8.Contains(type);

    /// <summary>A decimal number with an optional sign and nothing else.</summary>
    public static bool TryReadNumber(ReadOnlySpan<byte> text, out long value) => Utf8Parser.TryParse(text, out value, out int taken) && taken == text.Length;

    /// <summary>An aggregate of so many elements begins; false: nested too deep.</summary>
    public bool Enter(byte type, long elements)
    {
        _isAttribute |= type == (byte)'|' && _depth == 0;
        IsOpen = true;
        if (elements <= 0)
        {
            EndElement();
            return true;
        }

        if (_depth == _left.Length)
        {
            return false;
        }

        _left[_depth++] = elements;
        return true;
    }

    /// <summary>A string begins, which ends with <see cref="EndElement"/>.</summary>
    public void Open() => IsOpen = true;

    /// <summary>A scalar or an empty aggregate is over, and with it those levels whose last element it was.</summary>
    public void EndElement()
    {
        IsOpen = true;
        while (_depth > 0 && --_left[_depth - 1] == 0)
        {
            _depth--;
        }

        if (_depth > 0)
        {
            return;
        }

        // What an attribute is about is still to come.
        IsOpen = _isAttribute;
        _isAttribute = false;
    }

    public void Reset()
    {
        _depth = 0;
        IsOpen = false;
        _isAttribute = false;
    }
}
