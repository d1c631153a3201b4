using BridgeGuard.Engine.Events;

namespace BridgeGuard.Engine.Files;

/// <summary>Writes a file's EVE object: the body of <c>fileinfo</c> and an element of an alert's <c>files</c>.</summary>
public static class FileEve
{
    /// <summary>Writes the properties into an object that the caller opened.</summary>
    /// <param name="writer">The open record.</param>
    /// <param name="file">The file.</param>
    /// <param name="transactionId">EVE <c>tx_id</c>.</param>
    /// <param name="withMagic">Work the type out for this record (<c>force-magic</c>, or a rule that asked for it).</param>
    public static void Write(EveWriter writer, TrackedFile file, ulong transactionId, bool withMagic)
    {
        if (file.Name.Length > 0)
        {
            writer.Bytes("filename"u8, file.Name);
        }

        if (file.Signatures.Length > 0)
        {
            writer.StartArray("sid"u8);
            foreach (uint signature in file.Signatures)
            {
                writer.NumberValue(signature);
            }

            writer.EndArray();
        }

        if ((withMagic || file.IsDescribed) && file.Magic.Length > 0)
        {
            writer.Bytes("magic"u8, file.Magic);
        }

        writer.Bool("gaps"u8, file.HasGaps);
        writer.Text("state"u8, file.State switch
        {
            FileState.Closed => "CLOSED"u8,
            FileState.Truncated => "TRUNCATED"u8,
            FileState.Error => "ERROR"u8,
            _ => "UNKNOWN"u8,
        });
        WriteHashes(writer, file);
        writer.Bool("stored"u8, file.IsStored);
        if (file.IsStored)
        {
            writer.Number("file_id"u8, (ulong)file.StoredId);
        }

        writer.Number("size"u8, file.Size);
        if (file.RangeStart >= 0)
        {
            writer.Number("start"u8, file.RangeStart);
            writer.Number("end"u8, file.RangeEnd);
        }

        writer.Number("tx_id"u8, transactionId);
    }

    private static void WriteHashes(EveWriter writer, TrackedFile file)
    {
        if (file.Md5.Length > 0)
        {
            writer.HexText("md5"u8, file.Md5);
        }

        if (file.Sha1.Length > 0)
        {
            writer.HexText("sha1"u8, file.Sha1);
        }

        if (file.Sha256.Length > 0)
        {
            writer.HexText("sha256"u8, file.Sha256);
        }
    }
}
