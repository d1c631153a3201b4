using BridgeGuard.Engine.Detection.Matchers;
using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Flows;

namespace BridgeGuard.Engine.Protocols.Dnp3;

/// <summary>Writes the <c>dnp3</c> object of one message.</summary>
internal sealed class Dnp3Eve : EveLogger
{
    public override string EventType => "dnp3";

    public override byte ProgressToServer => 1;

    public override byte ProgressToClient => 1;

    public override bool Write(EveWriter writer, Transaction transaction, Flow flow, EveDetail detail)
    {
        var dnp3 = (Dnp3Transaction)transaction;
        if (!dnp3.IsMessage)
        {
            return false;
        }

        writer.StartObject("dnp3"u8);
        WriteMembers(writer, dnp3);
        writer.EndObject();
        return true;
    }

    public static void WriteMembers(EveWriter writer, Dnp3Transaction dnp3)
    {
        writer.Text("type"u8, dnp3.IsRequest ? "request"u8 : dnp3.Function == Dnp3Tables.UnsolicitedResponse ? "unsolicited_response"u8 : "response"u8);
        writer.StartObject("control"u8);
        writer.Bool("dir"u8, (dnp3.LinkControl & 0x80) != 0);
        writer.Bool("pri"u8, (dnp3.LinkControl & 0x40) != 0);
        writer.Bool("fcb"u8, (dnp3.LinkControl & 0x20) != 0);
        writer.Bool("fcv"u8, (dnp3.LinkControl & 0x10) != 0);
        writer.Number("function_code"u8, (long)(dnp3.LinkControl & 0x0f));
        writer.EndObject();
        writer.Number("src"u8, (long)dnp3.Source);
        writer.Number("dst"u8, (long)dnp3.Destination);
        WriteApplication(writer, dnp3);
        if (!dnp3.IsRequest)
        {
            WriteIndications(writer, dnp3.Indications);
        }
    }

    private static void WriteApplication(EveWriter writer, Dnp3Transaction dnp3)
    {
        byte control = dnp3.Control;
        writer.StartObject("application"u8);
        writer.StartObject("control"u8);
        writer.Bool("fir"u8, (control & 0x80) != 0);
        writer.Bool("fin"u8, (control & 0x40) != 0);
        writer.Bool("con"u8, (control & 0x20) != 0);
        writer.Bool("uns"u8, (control & 0x10) != 0);
        writer.Number("sequence"u8, (long)(control & 0x0f));
        writer.EndObject();
        writer.Number("function_code"u8, (long)dnp3.Function);
        if (dnp3.ObjectCount > 0)
        {
            writer.StartArray("objects"u8);
            for (int i = 0; i < dnp3.ObjectCount && writer.Length < Dnp3Limits.MaxRecordBytes; i++)
            {
                WriteObject(writer, dnp3, in dnp3.Object(i));
            }

            writer.EndArray();
        }

        writer.Bool("complete"u8, dnp3.IsWhole);
        writer.EndObject();
    }

    private static void WriteObject(EveWriter writer, Dnp3Transaction dnp3, in Dnp3Object value)
    {
        writer.StartObject();
        writer.Number("group"u8, (long)value.Group);
        writer.Number("variation"u8, (long)value.Variation);
        writer.Number("qualifier"u8, (long)value.Qualifier);
        writer.Number("prefix_code"u8, (long)value.PrefixCode);
        writer.Number("range_code"u8, (long)value.RangeCode);
        writer.Number("start"u8, (long)value.Start);
        writer.Number("stop"u8, (long)value.Stop);
        writer.Number("count"u8, (long)value.Count);
        if (value.Points > 0)
        {
            writer.StartArray("points"u8);
            var reader = new WireReader(dnp3.Data.Span[value.PointsAt..]);
            Dnp3Points.Read(ref reader, in value, value.Points, writer);
            writer.EndArray();
        }

        writer.EndObject();
    }

    private static void WriteIndications(EveWriter writer, ushort indications)
    {
        writer.StartObject("iin"u8);
        if (indications != 0)
        {
            writer.StartArray("indicators"u8);
            foreach (IntegerName name in Dnp3Tables.Indications)
            {
                if ((indications & name.Value) != 0)
                {
                    writer.TextValue(name.Name);
                }
            }

            writer.EndArray();
        }

        writer.EndObject();
    }
}
