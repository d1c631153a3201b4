using BridgeGuard.Engine.Detection;
using BridgeGuard.Engine.Detection.Image;
using BridgeGuard.Engine.Detection.Matchers;
using BridgeGuard.Engine.Detection.Prefilter;
using BridgeGuard.Engine.Protocols;

namespace BridgeGuard.Rules.Caching;

/// <content>Contents and the searches for fast patterns.</content>
internal static partial class RuleSetImage
{
    private static void WriteContents(ImageWriter image, LazyTable<ContentPattern> contents)
    {
        var bytes = new List<byte>();
        int[] ends = new int[contents.Count];
        bool[] ignoreCase = new bool[contents.Count];
        for (int i = 0; i < ends.Length; i++)
        {
            bytes.AddRange(contents[i].Bytes);
            ends[i] = bytes.Count;
            ignoreCase[i] = contents[i].IgnoreCase;
        }

        image.Array<byte>(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(bytes));
        image.Array<int>(ends);
        image.Array<bool>(ignoreCase);
    }

    private static LazyTable<ContentPattern> ReadContents(ImageReader image)
    {
        byte[] bytes = image.Array<byte>();
        int[] ends = image.Array<int>();
        bool[] ignoreCase = image.Array<bool>();
        return new LazyTable<ContentPattern>(ends.Length, i => new ContentPattern(bytes.AsSpan((i == 0 ? 0 : ends[i - 1])..ends[i]), ignoreCase[i]));
    }

    /// <summary>Buffers of several protocols may share a set of patterns: each is written once.</summary>
    private static void WriteSearches(ImageWriter image, RuleSet rules)
    {
        var numbers = new Dictionary<PatternSet, int>(ReferenceEqualityComparer.Instance);
        var tables = new List<PrefilterTable>();
        foreach (PrefilterTable table in rules.Searches.All())
        {
            if (numbers.TryAdd(table.Set, tables.Count))
            {
                tables.Add(table);
            }
        }

        image.Int(tables.Count);
        foreach (PrefilterTable table in tables)
        {
            image.Array<int>(table.Rules);
            ((ManagedPatternSet)table.Set).Write(image);
        }

        image.Int(rules.PayloadPrefilters.Length);
        foreach (PrefilterTable[] slot in rules.PayloadPrefilters)
        {
            image.Int(slot.Length);
            foreach (PrefilterTable table in slot)
            {
                image.Int(numbers[table.Set]);
                image.Value(table.App);
                image.Array<int>(table.Headers);
            }
        }

        image.Int(rules.BufferPrefilters.Length);
        foreach (BufferPrefilters slot in rules.BufferPrefilters)
        {
            image.Int(slot.All.Length);
            foreach (BufferPrefilter buffer in slot.All)
            {
                image.Int(buffer.Buffer);
                image.Int(buffer.LocalId);
                image.Value(buffer.Progress);
                image.Bool(buffer.IsMulti);
                image.Bool(buffer.IsStreaming);
                image.Int(numbers[buffer.Table.Set]);
            }
        }

        image.Int(rules.FrameRules.Length);
        foreach (FrameRules[] slot in rules.FrameRules)
        {
            image.Int(slot.Length);
            foreach (FrameRules frame in slot)
            {
                image.Value(frame.Type);
                image.Int(frame.Buffer);
                image.Int(frame.Table is null ? -1 : numbers[frame.Table.Set]);
                image.Array<int>(frame.Always);
            }
        }
    }

    private static RuleSearches ReadSearches(ImageReader image)
    {
        PrefilterTable[] tables = Many(image, static image => new PrefilterTable { Rules = image.Array<int>(), Set = new ManagedPatternSet(image) });
        PrefilterTable[][] payload = Many(image, image => Many(image, image =>
        {
            PrefilterTable table = tables[image.Int()];
            return new PrefilterTable { Set = table.Set, Rules = table.Rules, App = image.Value<ProtocolId>(), Headers = image.Array<int>() };
        }));
        BufferPrefilters[] buffers = Many(image, image =>
        {
            BufferPrefilter[] all = Many(image, image => new BufferPrefilter
            {
                Buffer = image.Int(),
                LocalId = image.Int(),
                Progress = image.Value<byte>(),
                IsMulti = image.Bool(),
                IsStreaming = image.Bool(),
                Table = Find(image.Int())!,
            });
            return all.Length == 0 ? BufferPrefilters.None : new BufferPrefilters(all);
        });
        FrameRules[][] frames = Many(image, image => Many(image, image => new FrameRules
        {
            Type = image.Value<short>(),
            Buffer = image.Int(),
            Table = Find(image.Int()),
            Always = image.Array<int>(),
        }));
        if (buffers.Length != (int)ProtocolId.Count * 2)
        {
            throw new InvalidDataException("another number of protocols");
        }

        return new RuleSearches(payload, buffers, ByProtocol(frames, 2));

        PrefilterTable? Find(int number) => number < 0 ? null : new PrefilterTable { Set = tables[number].Set, Rules = tables[number].Rules };
    }
}
