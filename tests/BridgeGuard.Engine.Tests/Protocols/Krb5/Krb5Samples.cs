using System.Formats.Asn1;

namespace BridgeGuard.Engine.Tests.Protocols.Krb5;

/// <summary>Builds messages with the platform's own encoder.</summary>
internal static class Krb5Samples
{
    public static byte[] Framed(byte[] message) => [0, 0, (byte)(message.Length >> 8), (byte)message.Length, .. message];

    public static byte[] Request(int type, string? client, params string[] service) => Message(type, w => Sequence(w, () =>
    {
        Context(w, 1, () => w.WriteInteger(5));
        Context(w, 2, () => w.WriteInteger(type));
        Context(w, 4, () => Sequence(w, () =>
        {
            Context(w, 0, () => w.WriteBitString(new byte[4]));
            if (client is not null)
            {
                Context(w, 1, () => Principal(w, client));
            }

            Context(w, 2, () => Text(w, "EXAMPLE.COM"));
            Context(w, 3, () => Principal(w, service));
            Context(w, 7, () => w.WriteInteger(12345));
        }));
    }));

    public static byte[] Reply(int type, int ticketEncryption, int encryption) => Message(type, w => Sequence(w, () =>
    {
        Context(w, 0, () => w.WriteInteger(5));
        Context(w, 1, () => w.WriteInteger(type));
        Context(w, 3, () => Text(w, "EXAMPLE.COM"));
        Context(w, 4, () => Principal(w, "alice"));
        Context(w, 5, () => Application(w, 1, () => Sequence(w, () =>
        {
            Context(w, 0, () => w.WriteInteger(5));
            Context(w, 1, () => Text(w, "EXAMPLE.COM"));
            Context(w, 2, () => Principal(w, "HTTP", "www"));
            Context(w, 3, () => Encrypted(w, ticketEncryption));
        })));
        Context(w, 6, () => Encrypted(w, encryption));
    }));

    public static byte[] Error(int code) => Message(30, w => Sequence(w, () =>
    {
        Context(w, 0, () => w.WriteInteger(5));
        Context(w, 1, () => w.WriteInteger(30));
        Context(w, 6, () => w.WriteInteger(code));
        Context(w, 9, () => Text(w, "EXAMPLE.COM"));
        Context(w, 10, () => Principal(w, "krbtgt", "EXAMPLE.COM"));
    }));

    private static byte[] Message(int type, Action<AsnWriter> write)
    {
        var writer = new AsnWriter(AsnEncodingRules.DER);
        Application(writer, type, () => write(writer));
        return writer.Encode();
    }

    private static void Application(AsnWriter writer, int number, Action write)
    {
        using (writer.PushSequence(new Asn1Tag(TagClass.Application, number)))
        {
            write();
        }
    }

    private static void Context(AsnWriter writer, int number, Action write)
    {
        using (writer.PushSequence(new Asn1Tag(TagClass.ContextSpecific, number)))
        {
            write();
        }
    }

    private static void Sequence(AsnWriter writer, Action write)
    {
        using (writer.PushSequence())
        {
            write();
        }
    }

    private static void Principal(AsnWriter writer, params string[] names) => Sequence(writer, () =>
    {
        Context(writer, 0, () => writer.WriteInteger(names.Length));
        Context(writer, 1, () => Sequence(writer, () => Array.ForEach(names, name => Text(writer, name))));
    });

    private static void Encrypted(AsnWriter writer, int type) => Sequence(writer, () =>
    {
        Context(writer, 0, () => writer.WriteInteger(type));
        Context(writer, 2, () => writer.WriteOctetString(new byte[20]));
    });

    /// <summary>GeneralString, which the encoder does not know.</summary>
    private static void Text(AsnWriter writer, string text) =>
        writer.WriteEncodedValue([0x1b, (byte)text.Length, .. System.Text.Encoding.ASCII.GetBytes(text)]);
}
