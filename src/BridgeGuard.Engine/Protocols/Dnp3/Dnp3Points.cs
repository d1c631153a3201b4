using System.Buffers.Binary;
using BridgeGuard.Engine.Events;

namespace BridgeGuard.Engine.Protocols.Dnp3;

/// <summary>Reads points, and writes them where a writer is given: records read the kept message again instead of keeping values.</summary>
internal static class Dnp3Points
{
    private const int BitsPerByte = 8;

    /// <summary>Reads the points of an object.</summary>
    /// <param name="reader">At the first point; ends behind the last that could be read.</param>
    /// <param name="value">The object's header.</param>
    /// <param name="count">How many to read.</param>
    /// <param name="writer">Where they go; null: nowhere.</param>
    /// <returns>How many could be read.</returns>
    public static int Read(ref WireReader reader, in Dnp3Object value, int count, EveWriter? writer)
    {
        if (Dnp3Objects.Get(value.Group, value.Variation) is not { } fields)
        {
            return 0;
        }

        int packed = value.PrefixCode == 0 ? Dnp3Objects.PackedBits(value.Group, value.Variation) : 0;
        if (packed > 0)
        {
            return ReadPacked(ref reader, value, count, packed, fields[0], writer);
        }

        for (int i = 0; i < count; i++)
        {
            if (writer is { } open && open.Length > Dnp3Limits.MaxRecordBytes)
            {
                return i;
            }

            if (!TryPrefix(ref reader, value.PrefixCode, out uint prefix))
            {
                return i;
            }

            bool isSize = value.PrefixCode >= 4;
            writer?.StartObject();
            writer?.Number("prefix"u8, (long)prefix);
            writer?.Number("index"u8, value.PrefixCode is > 0 and < 4 ? prefix : (long)value.Start + i);
            if (isSize)
            {
                writer?.Number("size"u8, (long)prefix);
            }

            bool isGood = TryPoint(ref reader, fields, isSize ? prefix : 0, writer);
            writer?.EndObject();
            if (!isGood)
            {
                return i;
            }
        }

        return count;
    }

    /// <summary>Points of one or two bits, without padding between them; the last byte is taken whole.</summary>
    private static int ReadPacked(ref WireReader reader, in Dnp3Object value, int count, int bits, Dnp3Field field, EveWriter? writer)
    {
        byte current = 0;
        for (int i = 0; i < count; i++)
        {
            int at = i * bits % BitsPerByte;
            if (at == 0 && !reader.TryByte(out current))
            {
                return i;
            }

            if (writer is null)
            {
                continue;
            }

            if (writer.Length > Dnp3Limits.MaxRecordBytes)
            {
                return i;
            }

            writer.StartObject();
            writer.Number("prefix"u8, 0L);
            writer.Number("index"u8, (long)value.Start + i);
            writer.Number(field.Name, (long)((current >> at) & ((1 << bits) - 1)));
            writer.EndObject();
        }

        return count;
    }

    private static bool TryPrefix(ref WireReader reader, byte code, out uint prefix)
    {
        prefix = 0;
        return code switch
        {
            0 => true,
            1 or 4 => TryNumber(ref reader, 1, out prefix),
            2 or 5 => TryNumber(ref reader, 2, out prefix),
            3 or 6 => TryNumber(ref reader, 4, out prefix),
            _ => false,
        };
    }

    /// <summary>A little-endian number of 1, 2 or 4 bytes.</summary>
    public static bool TryNumber(ref WireReader reader, int bytes, out uint value)
    {
        value = 0;
        if (!reader.TryTake(bytes, out ReadOnlySpan<byte> field))
        {
            return false;
        }

        value = (uint)Little(field);
        return true;
    }

    private static ulong Little(ReadOnlySpan<byte> field)
    {
        ulong value = 0;
        for (int i = field.Length - 1; i >= 0; i--)
        {
            value = (value << BitsPerByte) | field[i];
        }

        return value;
    }

    private static bool TryPoint(ref WireReader reader, Dnp3Field[] fields, long size, EveWriter? writer)
    {
        Span<ulong> values = stackalloc ulong[Dnp3Limits.MaxFields];
        int start = reader.Position;
        byte current = 0;
        int bit = 0;
        for (int i = 0; i < fields.Length; i++)
        {
            Dnp3Field field = fields[i];
            if (field.Kind == Dnp3Kind.Bits)
            {
                if (bit == 0 && !reader.TryByte(out current))
                {
                    return false;
                }

                writer?.Number(field.Name, (long)((current >> bit) & ((1 << field.Width) - 1)));
                bit = (bit + field.Width) % BitsPerByte;
                continue;
            }

            long length = field.Kind switch
            {
                Dnp3Kind.Text or Dnp3Kind.Bytes => (long)values[field.Width],
                Dnp3Kind.RestText or Dnp3Kind.RestBytes => size - (reader.Position - start),
                _ => field.Width,
            };
            if (length < 0 || length > reader.Left || !reader.TryTake((int)length, out ReadOnlySpan<byte> bytes))
            {
                return false;
            }

            values[i] = bytes.Length <= sizeof(ulong) ? Little(bytes) : 0;
            if (writer is not null)
            {
                Write(writer, field, bytes, values[i]);
            }
        }

        return true;
    }

    private static void Write(EveWriter writer, Dnp3Field field, ReadOnlySpan<byte> bytes, ulong number)
    {
        switch (field.Kind)
        {
            case Dnp3Kind.Unsigned:
                writer.Number(field.Name, number);
                break;
            case Dnp3Kind.Signed:
                int shift = 64 - (field.Width * BitsPerByte);
                writer.Number(field.Name, (ulong)((long)(number << shift) >> shift));
                break;
            case Dnp3Kind.Float32:
                WriteFloat(writer, field.Name, BinaryPrimitives.ReadSingleLittleEndian(bytes));
                break;
            case Dnp3Kind.Float64:
                WriteFloat(writer, field.Name, BinaryPrimitives.ReadDoubleLittleEndian(bytes));
                break;
            case Dnp3Kind.Bytes or Dnp3Kind.RestBytes:
                if (!bytes.IsEmpty)
                {
                    writer.Base64(field.Name, bytes);
                }

                break;
            case Dnp3Kind.Zero4:
                int end = bytes.IndexOf((byte)0);
                writer.Bytes(field.Name, end < 0 ? bytes : bytes[..end]);
                break;
            default:
                writer.Bytes(field.Name, bytes);
                break;
        }
    }

    /// <summary>JSON has no infinity and no «not a number».</summary>
    private static void WriteFloat(EveWriter writer, byte[] name, double value)
    {
        if (double.IsFinite(value))
        {
            writer.Number(name, value);
        }
        else
        {
            writer.Null(name);
        }
    }
}
