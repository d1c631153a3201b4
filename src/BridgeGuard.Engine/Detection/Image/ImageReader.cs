using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;

namespace BridgeGuard.Engine.Detection.Image;

/// <summary>Reads what <see cref="ImageWriter"/> wrote, in the same order.</summary>
/// <remarks>Errors: <see cref="InvalidDataException"/> where the bytes do not hold what is asked for; nothing else is promised of damaged bytes.</remarks>
internal sealed class ImageReader(ImageSource source)
{
    public int Int()
    {
        int value = 0;
        source.Read(MemoryMarshal.AsBytes(new Span<int>(ref value)));
        return value;
    }

    public T Value<T>()
        where T : unmanaged
    {
        T value = default;
        source.Read(MemoryMarshal.AsBytes(new Span<T>(ref value)));
        return value;
    }

    public T? Optional<T>()
        where T : unmanaged
    {
        bool exists = Bool();
        T value = Value<T>();
        return exists ? value : null;
    }

    public bool Bool() => Int() != 0;

    public T[] Array<T>()
        where T : unmanaged => Elements<T>(Int());

    public T[][] Jagged<T>()
        where T : unmanaged
    {
        int[] lengths = Array<int>();
        var arrays = new T[lengths.Length][];
        for (int i = 0; i < arrays.Length; i++)
        {
            arrays[i] = Elements<T>(lengths[i]);
        }

        return arrays;
    }

    /// <summary>A text or null.</summary>
    public string? TextOrNull()
    {
        int length = Int();
        return length < 0 ? null : length == 0 ? "" : Encoding.UTF8.GetString(Elements<byte>(length));
    }

    public string Text() => TextOrNull() ?? throw new InvalidDataException("a text is missing");

    public string[] Texts()
    {
        var texts = new string[Count()];
        for (int i = 0; i < texts.Length; i++)
        {
            texts[i] = Text();
        }

        return texts;
    }

    /// <summary>How many elements follow that take a byte each at least.</summary>
    public int Count()
    {
        int count = Int();
        return count >= 0 && count <= source.Remaining ? count : throw new InvalidDataException($"{count} elements cannot follow");
    }

    private T[] Elements<T>(int count)
        where T : unmanaged
    {
        if (count == 0)
        {
            return [];
        }

        if (count < 0 || (long)count * Unsafe.SizeOf<T>() > source.Remaining)
        {
            throw new InvalidDataException($"{count} elements of {Unsafe.SizeOf<T>()} bytes cannot follow");
        }

        T[] values = GC.AllocateUninitializedArray<T>(count);
        source.Read(MemoryMarshal.AsBytes(values.AsSpan()));
        return values;
    }
}
