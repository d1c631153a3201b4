namespace BridgeGuard.Engine.Tests.Compression;

/// <summary>Streams of liblzma 5.4 (Python's <c>lzma</c> module, FORMAT_ALONE) over bytes of our own making: words, records, random bytes, runs.</summary>
/// <param name="Name">What is special.</param>
/// <param name="Base64">The stream.</param>
/// <param name="Length">Bytes decoded.</param>
/// <param name="Sha256">Their digest.</param>
internal sealed record LzmaSample(string Name, string Base64, int Length, string Sha256)
{
    public static readonly LzmaSample[] All =
    [
        new(
            "Mixed, as xz writes it",
            "XQAAgAD//////////wAzmEoRjpQ+X2yMjBqw0WyyKG4mF7jISo/3AxFlxnTiRD6YYNcI2eTMPW0Y4j80/MjfwRrQhKk7bgk3tHeWFuYRQulVBvpqH2tQcrmDerz2p2PZAerae1X80Cy4bHgQHddKFD"
            + "gr5UI2SKtWf45sE56XzN/nX0JaCzB7EOET6Fb40DuBlsavOXhncc7vFEFpgfa2Yy9kZ1S/7r/52KDpt/KU29I0Lf01ZjiMORiiblf108cfarKSmULNlhsfC+O6ckt5Z9TZPFizKSlpWuNNTbu1qzAu"
            + "lr3etQDFVY+LfGPfnFBkBzqhECxxv9yXTpR0ZoxXW5Yotzg3cSJz0fjTG/DumU/0S2ePZM4ZrTQ3z9dXJdE5ccCsiXiVjMgFjd5xMXn/MC2pYzo/VnTCvDAP3B5uR3/KA9YrUCYs+YLULXdUwTQqQa"
            + "MNbmUbW6eaq8zf8OiGSLttdYCk7MZpyGFyoPYZoGRCIvKRWSWuxiN6Wt29l90t3T6OuELBDbiRtm0LRXc89m71lDo11ioS3NmMDm4t5sOj7TngZbe5unpiU6UQ6t1Sj7I6WGnYeIjaxsnMnOWsNE99"
            + "3pcxysslNgy9SElb7cGLvaL1ndl1blCErMUsRbuhMfq9mfPQ1MJZ2AePV4tBar0BQXIKpmABhO6AL337FHqP8IbzLvS4zLvKfoQhii4s6J5qk1tYf2EspW1rLTtmidN6XG4bqs7T9tg3xlJZgLtrs8"
            + "PlhbQfhLbUEUNF7s1i6BXSFvAm1w3ZkG0hMZjz3zyER0vmM1B8GBALrUKdCcQX8KCJ0kX5uJ5Nl1yhESNu0Lxc/pnuKN60dHCkdshX7rNMIIbpMZK8CQt1RHFPo6lA9mOy1ew1nt1lhd+TIOJ1n4of"
            + "at2DKBYJ2d427REurNBEClbXbye3nE+56GU0IrI/wZGvp8nnVambAiDmSpFgmmlwM0Hn+TMr98BR8AhMnd0gAnXeqM42+e0vPtx/NM1JUbX1trwyxarnjB6gVvUna5jyTEx3Fpbj7eRTp8oFsFzW3B"
            + "b8n/3/boY=",
            3586,
            "90F111EA67780D0B3E9D8D7CB363B9A4FCAE3E3F9387B6A73AF9269F35F053A1"),
        new(
            "Mixed, size announced",
            "XQAAgAACDgAAAAAAAAAzmEoRjpQ+X2yMjBqw0WyyKG4mF7jISo/3AxFlxnTiRD6YYNcI2eTMPW0Y4j80/MjfwRrQhKk7bgk3tHeWFuYRQulVBvpqH2tQcrmDerz2p2PZAerae1X80Cy4bHgQHddKFD"
            + "gr5UI2SKtWf45sE56XzN/nX0JaCzB7EOET6Fb40DuBlsavOXhncc7vFEFpgfa2Yy9kZ1S/7r/52KDpt/KU29I0Lf01ZjiMORiiblf108cfarKSmULNlhsfC+O6ckt5Z9TZPFizKSlpWuNNTbu1qzAu"
            + "lr3etQDFVY+LfGPfnFBkBzqhECxxv9yXTpR0ZoxXW5Yotzg3cSJz0fjTG/DumU/0S2ePZM4ZrTQ3z9dXJdE5ccCsiXiVjMgFjd5xMXn/MC2pYzo/VnTCvDAP3B5uR3/KA9YrUCYs+YLULXdUwTQqQa"
            + "MNbmUbW6eaq8zf8OiGSLttdYCk7MZpyGFyoPYZoGRCIvKRWSWuxiN6Wt29l90t3T6OuELBDbiRtm0LRXc89m71lDo11ioS3NmMDm4t5sOj7TngZbe5unpiU6UQ6t1Sj7I6WGnYeIjaxsnMnOWsNE99"
            + "3pcxysslNgy9SElb7cGLvaL1ndl1blCErMUsRbuhMfq9mfPQ1MJZ2AePV4tBar0BQXIKpmABhO6AL337FHqP8IbzLvS4zLvKfoQhii4s6J5qk1tYf2EspW1rLTtmidN6XG4bqs7T9tg3xlJZgLtrs8"
            + "PlhbQfhLbUEUNF7s1i6BXSFvAm1w3ZkG0hMZjz3zyER0vmM1B8GBALrUKdCcQX8KCJ0kX5uJ5Nl1yhESNu0Lxc/pnuKN60dHCkdshX7rNMIIbpMZK8CQt1RHFPo6lA9mOy1ew1nt1lhd+TIOJ1n4of"
            + "at2DKBYJ2d427REurNBEClbXbye3nE+56GU0IrI/wZGvp8nnVambAiDmSpFgmmlwM0Hn+TMr98BR8AhMnd0gAnXeqM42+e0vPtx/NM1JUbX1trwyxarnjB6gVvUna5jyTEx3Fpbj7eRTp8oFsFzW3B"
            + "b8n/3/boY=",
            3586,
            "90F111EA67780D0B3E9D8D7CB363B9A4FCAE3E3F9387B6A73AF9269F35F053A1"),
        new(
            "Mixed, lc 0 lp 4 pb 0",
            "JAAAgAACDgAAAAAAAAAzmQ0FvjhRL9h4qQNDUD1ucAPVkQ4NQf/reCSJTYPHXZZUI1iYrqW8h145UJqO1gCjdYEARQRAaaBSaPM7MkjivxdZwFZony3wy4HYDkv/BgqutIwkgAgQ8eJYo57V6dDxhL"
            + "GoQdmjrkxfxrn+aXzEvYYK0KR1XFMiFXDoWC6VdzPUwf33hpRrMFuX0EQwLoamfCJax/mbo/cESCC1PEEQ7e+vF2thVquLyJu8g+wdwhC8/1kl1uS6CAwnAOwvJjR60DZRker9QW2oCe7fuKFUJtD6"
            + "DKKiq1j/qssM8zdcQSvbwrtyGOrOn402g8mHtmiHnfF5zRiosQRDJXbiGURa7/2QmT8wswNu4tJOzGpKvf65bb6s7GkmEkGHHaV62laN4zeooQAAkl5aVAwjHHHJJJLgW51ie2l7IhFD1X0JPHSZXA"
            + "Fh0QkYJz4PFgeDISRY5qMazDsbGXoksM4AqMrwAxEioYbAM7QlGoYWycjLSM9Aei9b80qP/AEI0CP1m0N5Pie6oCvNtBWiUImDxAWGgZ5s9DKoo+GCjns2w/BM8dkdMZpXnn05yXW+yK/bDp8Y41jK"
            + "t4C1bWHvUBBMTo87YFracc3y4hbbMM/0TrfBml4ImXtrnhCw5ECUiJ7Pbs8jlQJxQctfRCmPXDSM72GuiVYYRLah5jSiNaB8WjrnMPqc++soyggddi36ogjy7CWZt+S0K9zl8sypf8m8DnFnktugD1"
            + "WqrVYMKJ4lz242MeA7wcZxwsoFVXlGEKVm66zavl66TJqBH+Za0kQDnD1fk3xoy1VS/2ZJ5vpvf/uID7TK/aw3zHeCUUTC62f+2X2cAB6phrVZKtVcGux04PODUVTO9WSnQzDCLlWqqXqd6O1Q/iOD"
            + "ySid5b78J/rEU7lBVXLPdz1/2XdEQHdoewcu8YCcWBCCHD+zfrbXtc9U9YwN+7oAmfibh8aB+ZNhxL1aPpzjZOMUEEqRK/Sf3WIXXnSwgTovYSxKg1F9ZkBe7u/Y6hJ+AbNT7msMGbFJiZvbuuQpxJ"
            + "//r7K2XA==",
            3586,
            "90F111EA67780D0B3E9D8D7CB363B9A4FCAE3E3F9387B6A73AF9269F35F053A1"),
        new(
            "Mixed, lc 4 pb 4",
            "uAAAgAD//////////wAzmEoRjpQ+X+3dswJAK+8gVaBgi82TWSLBPvUpiY4TLN5gzSXJmhOaf7u+IElzcq/GU8AySJ9HG2Cw0LuuU0f2UNOeuHzurWdqtkOvjXQo/Plo+V/hvn9H52hyy5HITija8Q"
            + "Mo6J7mMVBFxZJz2V8sI59T3veaj7cH4hYzZ7+7i2C2QsoBXcuWQcj8pdQHLA1HhJJLFIhZSmkSZMooMCYHC6HBBCbdXXe00U+NqWFthH9QnFN/Mo1vxVxjXff2TzeplNELRdBeUAdU+sOp6nLZqvVn"
            + "+a701PFmaiFWzgB7WPyC8XGIhWcxHNL7su3U+xCA9oY4Ab+l0hkZi31Ec7Cit1Tyj3buOhU86qssrsolFpf17M3G1ft9fPGS0ZV+11C9NBDRZO5iOPDDyyS2ietEMn8EAqUTByo503XqhL9QHNHBdE"
            + "nsAySv/IsQia5mFqf0LblkOUoTSzTYCOc86JoLEq2dtwOe+Etv65G9TzCU9up/Fc/2mpFvZa5iLbfqJHDKcPNrTQ72CMhNFmLt2jw8Hi2jsJWe1YPlNWrktdOB9yO2L2uU4zmVI8PVD9FGwve511Pe"
            + "KHV/y3nsgZFQqpKwUs8NKIwgstASDLwZwhtpY6fShbxXA10+w/VUloezwzahplZrTK8T31Nuc8xGQiFqbhi3AccFXeex3ioPKDRdJbEmPPKV/URaSeLDK/sndHiFsKSc6PMUNqWE9jPLw7fno9zBPF"
            + "CkalA/TIFt2mmHFXVkL9UW8K8XZSl42jUQ2qyyjVzD+dtDrg3ocAKR5zUQ5k7hG9PUulCCsIuR8A+ZMXTBqsOv8U3zmDsXtEz4KzYavU5WSPYt8pTJgLAEQg3i5YqIUP4n9bq6oyMGUJpy1Mpvo2Mi"
            + "uWZZNyE5GvuI1mjBxj6/1CcywZusG8vHeZrW054adiMdZGTCTcOszEtyAbj1fA8oJHvy+wHb+wHEGWggiwUxr94RYgdKEO6z5pD3MEm5oloL6RS9Ym+le+Qbku0NrwOthx/+s0ubw+8nfVuQwjL2sP"
            + "yX/bIpTzJlOkvgcRFgSPlu6vPOwDl21QihFdJJ///MpIq6",
            3586,
            "90F111EA67780D0B3E9D8D7CB363B9A4FCAE3E3F9387B6A73AF9269F35F053A1"),
        new(
            "Mixed, dictionary 4 KiB",
            "AAAQAAD//////////wAzmVQj2wP6NYMD5Iu2asdHlQgZGN1fdS9JKbPDsgvAfNulKkmTPUuAr9wXIdkOPR7N0ndsvNZTQ9BSwRnYuDjYN9B0dvORN+sPpFfouc0gLU41J02FDxKoCp4E6ekUvtxcOH"
            + "mk5T9cg6wWe8mqsIGFt4909gn9p0XJgu67CHEltNSqQ7noC7uqi2+OwTINGIN6/7IZVtugKQEmmgOoyQvAfZwW0fNGchoyT9w08upUJ5QF7OpfdIGR+uAuP+x07E9mjY76+/pGPCiKKJgQeeMcSzF0"
            + "SvFaPCvBaZtPPoTPl4sxkaLIhG+UTHeeEW4ZBAFIXVsCifYw1AOfyTTGpLuwhK2HIhQt+R36M6QT6uahNMQkjgAA1CX5dksXSJC0brilupAy+YecryaOlk3V2ubwwtzssDsSddzJ4aQ5J+aunXlxVx"
            + "u7cpg8Q2Gwno0q69UXonOKoY1Ep70vaxUWupg8LqPz1lW02OvO414YQ7BbQ0gh013A1Psn17MZs3DyPm4TIrOCT9JTxq9irh5bPRAKZZci+1xNzp6m7tVSmuTekdLdKahVSvTFAS8p0o1h/5ohyJws"
            + "xwyy853MhKnBte1JTSM6i1NqBI2qjPauynobU3p9aBUdaYodqU7E9bZmoHRYhYdET1K7ThDniHeVzknRkSwHMtsPjAZEy0EJ7yG2AlpEcQtCqz3SWXNw4IrVaPsLvbYbuBlZwuYtPY9POIbn0pD2mZ"
            + "43Tj1kR+WlDjJGqoKsg0medgjHv4fXOdIPvyHpMlnF6jZHf3Z+FUqxYkDu/wt6qCONXOmLtktKvKWQSNuN7CaZJH0En8wOv7OJ+ZgGb68RQrio7O2K/LK85RKFSgc2Wws7gWi4JjNUnteNmzkHQWCQ"
            + "w+XI3ItdPBIjSZDl/UQZkoC5ttg680GCFbVo+uNSmbFGWbFcwdA+3tb0bweKQvhBBrU8//TuewT2cfg/UzBt9Il66DhmHIUOWs9FbBz77T88ZVEo+r+XR4fr6ohvWSnHSelYcN46v7E1Gsm/+EZMeA"
            + "==",
            3586,
            "90F111EA67780D0B3E9D8D7CB363B9A4FCAE3E3F9387B6A73AF9269F35F053A1"),
        new(
            "A match far back",
            "XQAAgAD//////////wA+vozgF4i6GuLMnTDpgvkSS/FflFI77YkyHLCe81spNiYtURMmQQHPe3Gg2ZnvoG0PmDEgYmIvXM6ntY52cAL5utscS9WZ2/BjZfLWEXli0lly23jr+rqJJs6lQWKhTnsNSf"
            + "hjIVzfh8wtXSMYQ6mPMp5Jra4MhlQswhhuaTpGzLYyez222Ucdn8k6EK5puW10H+L+2WSW19tsbbduZ9ZMoIJO3kCOWIQ0A9MP+gW4DhFwD/SAvNzXrutxenypkhQD/KowN/+2xsZ+SJJS/xAQb8du"
            + "MbKtt2fE/GjP7DSGrYTcUFgkBMS1dfKbriMklAB+33V5J2s4ZitxgkjH4HOOnmA+VbArb+2mam+/G5cg12EnibXRvH7xmagiFJTyI96R0UEbDF36wBE280sihsTtEy61asYGvJ9HerxGyePqx6+Vbl"
            + "0B5Mev0p2+IHtuj6J6qwzkrNLuUM2HuMCuCoZF72iaNEmXj00ZFhDn6K5AGXlaqLTjiTyMoE47ggAY75KpZt2xInKFks15eYx7mCgBSbl5wJj5L6FM0qDPTc/Uh6qjN/FnL+t86XGVIXUw0CFvgDkL"
            + "uqoOc00SebHj3p2YYQip9WsOYG8bWv/HzooUdQaNo+qPkuoLjGYeQ3350uN9ps/fONhrc4gsTaKR98CRMV+m//+pAnqA",
            70800,
            "71580A9C8BB90D3934FAB3A38AB4E9516ADF579BFA878FC3B8CEA92736056EDE"),
        new(
            "Three MiB of zeros, dictionary 64 KiB",
            "XQAAAQABADAAAAAAAAAAb/3//6O3/0c+SBVyOWFRuJIo5qOGB/nu5B6C0y/FOjwBS7F+yYqKTS+jDdl/puOMIxFT4FkYxXWK4nf4tpR/DGrA3nRJZOLpXFOyBNj3RAyrXw1tRunlw3aIt5ZXrLZN4W"
            + "kdb/tLiBBsQsuIP1wAj9BOryYolHEfPY8k4XCepyNf7CjLhdGVmIp+KpHyJ3X3GcAGmE2Y/div1ZAPxCVT+PWRNjEFpbDub8FwTUcM0ZERqq1gHbrOsScYXFmG6WZSWL7pdqxZ5OVbBQj5x9qt/PtS"
            + "K3TNHlsgQvndUz34KWQJO4DLKmzftTvwxL0uX6oPPktmQpATDv8Qk/hxeFn4C83/lShGD6n8fN77mjAuVsCPhfODgcBlxCVT+PWRNjEFpbDub8FwTUcM0ZERqq1gHbrOsScYXFmG6WZSWL7pdqxZ5O"
            + "VbBQj5x9qt/PtSK3TNHlsgQvndUz34KWQJO4DLKmzftTvwxL0uX6oPPktmQpATDv8Qk/hxeFn4C83/lShGD6n8fN77mjAuVsCPhfODgcBlxCVT+PWRNjEFpbDub8FwTUcM0ZERqq1gHbrOsScYXFmG"
            + "6WZSWL7pdqxZ5OVbBQj5x9qt/PtSK3TNHlsgQvndUz34KWQJO4DLKmzftTvwxL0uX6oPPktmQpATDv8Qk/hxeFn4C83/lShEyhhynlB////WuAAA",
            3145729,
            "CF5ADAF106859FC99482FC69327E2112C8133E60EB034A37B7A4EA14E4F3BB57"),
        new(
            "Nothing",
            "XQAAgAD//////////wCD//v//8AAAAA=",
            0,
            "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855"),
    ];

    public byte[] Bytes => Convert.FromBase64String(Base64);
}
