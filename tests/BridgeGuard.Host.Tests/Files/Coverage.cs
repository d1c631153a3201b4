namespace BridgeGuard.Host.Tests.Files;

/// <summary>Which bytes of a file have arrived, over all tries together: whoever keeps every piece has no more than this.</summary>
internal sealed class Coverage(byte[] file)
{
    private readonly bool[] _has = new bool[file.Length];

    public bool IsWhole => !Array.Exists(_has, has => !has);

    public int Missing => _has.Count(has => !has);

    /// <summary>Bytes that are there from the start without a hole: where a resumed download begins.</summary>
    public int Prefix => Array.IndexOf(_has, false) is var hole and >= 0 ? hole : _has.Length;

    /// <summary>Notes delivered bytes, which must be the file's.</summary>
    public void Add(int offset, ReadOnlySpan<byte> bytes)
    {
        int length = Math.Min(bytes.Length, file.Length - offset);
        if (length > 0 && bytes[..length].SequenceEqual(file.AsSpan(offset, length)))
        {
            _has.AsSpan(offset, length).Fill(true);
        }
    }
}
