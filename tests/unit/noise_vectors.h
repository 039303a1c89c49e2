/* Published vectors of the cacophony set (haskell-cryptography/cacophony): hexadecimal. */
static const struct vector xk = {
    .protocol_name = "Noise_XK_25519_ChaChaPoly_BLAKE2b",
    .init_prologue = "4a6f686e2047616c74",
    .init_static = "e61ef9919cde45dd5f82166404bd08e38bceb5dfdfded0a34c8df7ed542214d1",
    .init_ephemeral = "893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a",
    .init_remote_static = "31e0303fd6418d2f8c0e78b91f22e8caed0fbe48656dcf4767e4834f701b8f62",
    .resp_static = "4a3acbfdb163dec651dfa3194dece676d437029c62a408b4c5ea9114246e4893",
    .resp_ephemeral = "bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b",
    .handshake_hash = "d34784be40e90f33c524e69a3d1dc4155e159d86bf42f01c615d40beb0816b880f0a3e20825f"
                      "ec22de1d607231a315d90d355cd9e5ba7205a17b6e0e9f4b490d",
    .psk = "",
    .messages =
        {
            {"4c756477696720766f6e204d69736573",
             "ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c79442806e28405ac4325fcf83"
             "607489496d6d326ab3fe084dbb1634f801405a69297"},
            {"4d757272617920526f746862617264",
             "95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f1448088430ea4de2eff2cd3b1e7be5"
             "f7e792d87395f0863722ab04ec030529d6c5820de"},
            {"462e20412e20486179656b",
             "ec9136de99472b49eda3ba9fe84882d48f131b27386784b3f45e9f103ad1b6efa2f2e95f0afce5d0d4c80"
             "52aed81438500be54a8fd8dd4f5ba04f7907b312701d0d687716a30b23c22f568"},
            {"4361726c204d656e676572", "d6ea0c3364ed480b415d44c3235fdb311dfa8d6e1dc1e6f3a76ee3"},
            {"4a65616e2d426170746973746520536179",
             "59f41ca9ea14a8305bae379bbdd8b4d5cf9bd308d2d7e042e2bf03c48dd910b37b"},
            {"457567656e2042f6686d20766f6e2042617765726b",
             "fa23ba8af343a3934c64219d3d0206d66894f7cdb180b738324608e15b0102095ed2f44d4b"},
        },
    .count = 6,
};
static const struct vector xkpsk3 = {
    .protocol_name = "Noise_XKpsk3_25519_ChaChaPoly_BLAKE2b",
    .init_prologue = "4a6f686e2047616c74",
    .init_static = "e61ef9919cde45dd5f82166404bd08e38bceb5dfdfded0a34c8df7ed542214d1",
    .init_ephemeral = "893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a",
    .init_remote_static = "31e0303fd6418d2f8c0e78b91f22e8caed0fbe48656dcf4767e4834f701b8f62",
    .resp_static = "4a3acbfdb163dec651dfa3194dece676d437029c62a408b4c5ea9114246e4893",
    .resp_ephemeral = "bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b",
    .handshake_hash = "276345ceb27283e38968d8adec394c400eb1b7127160ba9876aa8686eefb4423893ef40d2354"
                      "1b4b61eae50a700348490b61333159cc1ea8e2bcea1e47b02b6b",
    .psk = "54686973206973206d7920417573747269616e20706572737065637469766521",
    .messages =
        {
            {"4c756477696720766f6e204d69736573",
             "ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c7944d4159c65af2e4a31507c9"
             "db870a770ecc5d0ac86361a5e0548d9514e5db39f14"},
            {"4d757272617920526f746862617264",
             "95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f1448088430d3e4380c91e1a481ef06"
             "4f57255afd455aaacb2d32816b241247fe360c021"},
            {"462e20412e20486179656b",
             "a908c164351eb35717ee66b5eae9f4743220275787b8d04e636cadcfb84dd1fd6dd3332cdc1b2817da500"
             "e048ca4a02d6a56bcd173a63bdc8364ea6f167b5c8c8e6fda80072ab3896a9b88"},
            {"4361726c204d656e676572", "568ffb406e4137362874ec8fb59a214c55b339a35258c041521467"},
            {"4a65616e2d426170746973746520536179",
             "0846c03595f9e609d444dcdffde074179ff3bef1a43ded6b989572d3c3339a85e7"},
            {"457567656e2042f6686d20766f6e2042617765726b",
             "aa16a9481f327bdc8c00055cda5064af58ee7b08afe0ce8e64cc50af554283030db9dace93"},
        },
    .count = 6,
};
