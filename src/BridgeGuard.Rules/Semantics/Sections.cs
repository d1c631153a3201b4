using BridgeGuard.Engine.Detection;
using BridgeGuard.Engine.Detection.Transforms;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Rules.Syntax;

namespace BridgeGuard.Rules.Semantics;

/// <summary>Finding and making the sections of a rule.</summary>
internal static class Sections
{
    /// <summary>The section of a buffer: the one there is, or a new one; a multi-buffer gets a new one each time it is named.</summary>
    public static SectionModel Of(
        RuleModel rule, BufferDefinition buffer, IReadOnlyList<Transform> transforms, Token keyword, DirectionMask only = DirectionMask.Both)
    {
        foreach (SectionModel section in rule.Sections)
        {
            if (section.Buffer == buffer && section.Only == only && SameTransforms(section.Transforms, transforms) && (!buffer.IsMulti || section.Ops.Count == 0))
            {
                return section;
            }
        }

        var made = new SectionModel { Buffer = buffer, Only = only, Column = keyword.Column, Keyword = keyword.Text };
        made.Transforms.AddRange(transforms);
        rule.Sections.Add(made);
        return made;
    }

    /// <summary>The section of a type of frames: the one there is, or a new one.</summary>
    public static SectionModel Of(RuleModel rule, FrameTarget frame, IReadOnlyList<Transform> transforms, Token keyword)
    {
        SectionModel? section = rule.Frames.Find(existing => existing.Frame == frame && SameTransforms(existing.Transforms, transforms));
        if (section is null)
        {
            section = new SectionModel { Buffer = null, Frame = frame, Column = keyword.Column, Keyword = keyword.Text };
            section.Transforms.AddRange(transforms);
            rule.Frames.Add(section);
        }

        return section;
    }

    /// <summary>The section of header bytes: the one there is, or a new one, which is a condition on the packet.</summary>
    public static SectionModel OfHeader(RuleModel rule, PacketBufferKind kind, IReadOnlyList<Transform> transforms, Token keyword)
    {
        if (rule.Conditions.Find(condition => condition.Section is { } known && known.HeaderBytes == kind && SameTransforms(known.Transforms, transforms)) is { } existing)
        {
            return existing.Section!;
        }

        var section = new SectionModel { Buffer = null, HeaderBytes = kind, Column = keyword.Column, Keyword = keyword.Text };
        section.Transforms.AddRange(transforms);
        rule.Conditions.Add(new ConditionModel(new PacketCondition { Kind = ConditionKind.PacketBuffer, Mode = (byte)kind })
        {
            Section = section,
            NeedsPacket = kind is not (PacketBufferKind.SourceAddress or PacketBufferKind.DestinationAddress),
        });
        return section;
    }

    private static bool SameTransforms(List<Transform> left, IReadOnlyList<Transform> right)
    {
        if (left.Count != right.Count)
        {
            return false;
        }

        for (int i = 0; i < left.Count; i++)
        {
            if (left[i].Identity != right[i].Identity)
            {
                return false;
            }
        }

        return true;
    }
}
