using System.Runtime.InteropServices;
using System.Text;

namespace BridgeGuard.Engine.Detection.Image;

/// <summary>Writes values and arrays one behind the other. Twin: <see cref="ImageReader"/>.</summary>
/// <remarks>Shape: little-endian as the CPU has them; counts are 32-bit; texts are UTF-8 behind their length in bytes.</remarks>
internal sealed class ImageWriter(ImageSink sink)
{
    public void Int(int value) => sink.Write(MemoryMarshal.AsBytes(new ReadOnlySpan<int>(in value)));

    public void Value<T>(in T value)
        where T : unmanaged => sink.Write(MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in value)));

    public void Optional<T>(T? value)
        where T : unmanaged
    {
        Bool(value is not null);
        Value(value.GetValueOrDefault());
    }

    public void Bool(bool value) => Int(value ? 1 : 0);

    public void Array<T>(ReadOnlySpan<T> values)
        where T : unmanaged
    {
        Int(values.Length);
        sink.Write(MemoryMarshal.AsBytes(values));
    }

    /// <summary>Many arrays of one kind, without a count each.</summary>
    public void Jagged<T>(T[][] arrays)
        where T : unmanaged
    {
        Array<int>(System.Array.ConvertAll(arrays, array => array.Length));
        foreach (T[] array in arrays)
        {
            sink.Write(MemoryMarshal.AsBytes<T>(array));
        }
    }

    /// <summary>A text; null is kept apart from the empty one.</summary>
    public void Text(string? text)
    {
        if (text is null)
        {
            Int(-1);
            return;
        }

        Array<byte>(Encoding.UTF8.GetBytes(text));
    }

    public void Texts(IReadOnlyList<string> texts)
    {
        Int(texts.Count);
        foreach (string text in texts)
        {
            Text(text);
        }
    }
}
