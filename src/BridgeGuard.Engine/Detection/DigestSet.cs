using BridgeGuard.Engine.Detection.Image;

namespace BridgeGuard.Engine.Detection;

/// <summary>A set of digests of one length, sorted for look-up without allocation. Immutable.</summary>
internal sealed class DigestSet
{
    private readonly byte[] _sorted;
    private readonly int _length;

    /// <param name="digests">All of <paramref name="length"/> bytes.</param>
    /// <param name="length">16, 20 or 32.</param>
    public DigestSet(IEnumerable<byte[]> digests, int length)
    {
        _length = length;
        var sorted = new List<byte[]>(digests);
        sorted.Sort((left, right) => left.AsSpan().SequenceCompareTo(right));
        _sorted = new byte[sorted.Count * length];
        for (int i = 0; i < sorted.Count; i++)
        {
            sorted[i].CopyTo(_sorted.AsSpan(i * length));
        }
    }

    public DigestSet(ImageReader image)
    {
        _length = image.Int();
        _sorted = image.Array<byte>();
    }

    public void Write(ImageWriter image)
    {
        image.Int(_length);
        image.Array<byte>(_sorted);
    }

    public int Count => _sorted.Length / _length;

    public bool Contains(ReadOnlySpan<byte> digest)
    {
        if (digest.Length != _length)
        {
            return false;
        }

        int low = 0;
        int high = Count - 1;
        while (low <= high)
        {
            int middle = (low + high) >> 1;
            int order = _sorted.AsSpan(middle * _length, _length).SequenceCompareTo(digest);
            if (order == 0)
            {
                return true;
            }

            if (order < 0)
            {
                low = middle + 1;
            }
            else
            {
                high = middle - 1;
            }
        }

        return false;
    }
}
