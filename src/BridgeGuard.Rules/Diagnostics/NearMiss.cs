namespace BridgeGuard.Rules.Diagnostics;

/// <summary>What a mistyped word probably meant: for hints in messages about rules and configurations.</summary>
public static class NearMiss
{
    /// <summary>The known word that is nearest, then one with the same first letter; null when none is near.</summary>
    public static string? Find(string word, IEnumerable<string> known) =>
        known.Where(candidate => IsNear(candidate, word)).Select(candidate => (Word: candidate, Distance: Distance(candidate, word)))
            .OrderBy(found => found.Distance).ThenBy(found => found.Word.FirstOrDefault() == word.FirstOrDefault() ? 0 : 1)
            .FirstOrDefault().Word;

    /// <summary>Two letters differ at most (one in a word of three), or a third of them.</summary>
    public static bool IsNear(string candidate, string word) =>
        Math.Abs(candidate.Length - word.Length) <= Limit(word) && Distance(candidate, word) <= Limit(word);

    /// <summary>"; did you mean «…»?", or nothing.</summary>
    public static string Question(string word, IEnumerable<string> known) => Find(word, known) is { } near ? $"; did you mean «{near}»?" : "";

    private static int Limit(string word) => word.Length <= 3 ? 1 : Math.Max(2, word.Length / 3);

    /// <summary>Letters changed, left out, put in or swapped with the next (optimal string alignment).</summary>
    private static int Distance(string a, string b)
    {
        int[,] cost = new int[a.Length + 1, b.Length + 1];
        for (int i = 0; i <= a.Length; i++)
        {
            for (int j = 0; j <= b.Length; j++)
            {
                if (i == 0 || j == 0)
                {
                    cost[i, j] = i + j;
                    continue;
                }

                int least = Math.Min(cost[i - 1, j], cost[i, j - 1]) + 1;
                least = Math.Min(least, cost[i - 1, j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1));
                bool isSwapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
                cost[i, j] = isSwapped ? Math.Min(least, cost[i - 2, j - 2] + 1) : least;
            }
        }

        return cost[a.Length, b.Length];
    }
}
