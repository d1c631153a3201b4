using System.Text;

namespace BridgeGuard.Engine.Detection.Image;

/// <summary>The texts of all rules of a set in one block of UTF-8. Immutable; any thread.</summary>
/// <param name="bytes">All texts, one behind the other.</param>
/// <param name="ends">Where each one ends.</param>
internal sealed class RuleTexts(byte[] bytes, int[] ends)
{
    public int Count => ends.Length;

    public string this[int rule]
    {
        get
        {
            int start = rule == 0 ? 0 : ends[rule - 1];
            return Encoding.UTF8.GetString(bytes, start, ends[rule] - start);
        }
    }
}
