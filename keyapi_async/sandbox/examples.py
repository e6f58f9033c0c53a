"""The rows of the documentation's examples, as documented: the world grows around them."""

from typing import Final

from keyapi_async.sandbox.words import Row

__all__ = ["LIVESTREAM", "PRODUCT_CREATOR", "RANKED", "VIDEO", "VIDEO_PRODUCT"]

PRODUCT_CREATOR: Final[Row] = {
    "avatar": (
        "https://echosell-images.tos-ap-southeast-1.volces.com/user-avatar/240/MS4wLjABAAAAi_aA"
        "0G6-PDRql3EC9KSWlgzM1nYE6wLBwfcM0W7Wj-UpiqjrscMhKsWsQbQyPCHg.jpg"
    ),
    "category": "Beauty",
    "nick_name": '" Ishaaaaaaaa 👀',
    "per_product_ifl_gmv_amt": 0,
    "per_product_ifl_sale_cnt": 0,
    "product_id": "1729492547846767618",
    "region": "MY",
    "total_digg_cnt": 39800,
    "total_followers_cnt": 2330,
    "total_following_cnt": 598,
    "total_live_cnt": 0,
    "total_live_views_cnt": 0,
    "total_post_video_cnt": 9,
    "total_views_cnt": 358710,
    "user_id": "7122344901288068123",
}

VIDEO: Final[Row] = {
    "create_time": "1736000679",
    "created_by_ai": "false",
    "data_size": "970184",
    "duration": 16,
    "height": "1024",
    "ratio": "540p",
    "reflow_cover": (
        "https://echosell-images.tos-ap-southeast-1.volces.com/video-cover/805/7456066022957665"
        "553.jpeg"
    ),
    "region": "MY",
    "sales_flag": 1,
    "total_comments_cnt": 0,
    "total_digg_1d_cnt": 0,
    "total_digg_30d_cnt": 0,
    "total_digg_7d_cnt": 0,
    "total_digg_cnt": 8,
    "total_favorites_cnt": 0,
    "total_shares_cnt": 0,
    "total_video_sale_cnt": 0,
    "total_video_sale_gmv_amt": 0,
    "total_views_1d_cnt": 0,
    "total_views_30d_cnt": 0,
    "total_views_7d_cnt": 0,
    "total_views_cnt": 176,
    "unique_id": "mrmnaznrm_",
    "user_id": "7122344901288068123",
    "video_desc": (
        "memang best weh ! skin nampak lebih fresh bila pakai 🤪 #faceglow #facespray #facewhite"
        "ning #faceglowspray #glowingspray #whiteningspray "
    ),
    "video_id": "7456066022957665553",
    "width": "576",
}

RANKED: Final[Row] = {
    "avatar": (
        "https://echosell-images.tos-ap-southeast-1.volces.com/user-avatar/853/MS4wLjABAAAAJN3v"
        "63JkTkZW72ae9hb2Wlb70uzhU8H3AZEKxIVTg38lwBGTx0tSNH7IBcrocdKd.jpg"
    ),
    "category": "Other",
    "ec_score": 7.33,
    "most_category_id": "601450",
    "most_category_l2_id": "605248",
    "most_category_l3_id": "603014",
    "nick_name": "ﾌひﾚﾉの",
    "product_category_list": (
        "601450-849672-601690:1,601450-848776-601608:2,601450-849672-875400:3,601450-848776-601"
        "619:4,601450-849416-601660:5,601739-909064-601925:6,601739-909320-601990:7,601450-8487"
        "76-601653:8,601450-848776-873480:9,601450-848904-601513:10,601450-849416-874120:11,824"
        "328-840072-601218:12,601450-849160-601686:13,601450-856208-855696:14,700645-700646-700"
        "650:15,601450-848904-1004168:16,601450-848904-981512:17,824328-840072-601202:18,604579"
        "-871560-881672:19,601755-831112-831752:20,601450-848776-601602:21,604579-872328-887560"
        ":22,603014-835336-837768:23,601450-849288-601644:24,601450-848776-601733:25,601739-909"
        "064-910728:26,604968-872968-897160:27,601352-900616-901896:28,601739-909320-602029:29,"
        "601450-848776-601615:30,601450-849032-1004552:31,605248-905224-906248:32,603014-835464"
        "-603835:33,601450-848648-601588:34,604206-859656-700699:35,601450-856208-856080:36,601"
        "739-909192-911752:37,600024-859400-600048:38,600001-851848-852872:39,824328-839944-601"
        "213:40,601450-849416-874248:41,601352-900616-601364:42,604453-871432-881416:43,601352-"
        "900488-901384:44,601450-849288-601520:45,601450-849160-601490:46,601352-900488-601405:"
        "47,601152-842376-601266:48,604206-860296-869256:49,601450-849416-601672:50,605248-9052"
        "24-906376:51,601450-849160-2169232:52,604453-871048-979720:53,824584-902664-601419:54,"
        "600942-844808-601090:55,604453-871048-876680:56,601739-984584-992264:57,824584-902792-"
        "601446:58,600024-859528-600029:59,600154-809992-600221:60,604453-871048-876040:61,6052"
        "48-905352-605304:62,700437-915336-700554:63,601450-849416-874376:64,603014-834568-6030"
        "42:65,603014-834696-2151184:66,700645-700646-700649:67,601450-849416-601677:68,824328-"
        "840456-841736:69,601450-856208-855952:70,600942-844808-601108:71,824328-840456-841352:"
        "72,824584-902920-904840:73,600001-852232-600812:74,604206-859912-864520:75,601739-9090"
        "64-601936:76,603014-834568-603704:77,605196-930184-700684:78,700437-915336-963464:79,6"
        "01739-909448-913672:80,600001-852104-600338:81,601450-849416-873992:82,600001-851848-6"
        "00621:83,601450-848776-601611:84,604453-871048-604468:85,600024-859528-865288:86,60002"
        "4-859144-863880:87,953224-964360-958216:88,600024-859400-600032:89,824328-839944-60122"
        "6:90,604206-860040-867592:91,601450-849160-601498:92,601450-848904-601469:93,605248-90"
        "5608-605274:94,601739-984584-992008:95,824328-839944-601195:96,601152-842248-601295:97"
        ",700437-915336-921736:98,604453-871048-875912:99,601450-856208-855824:100,824328-83994"
        "4-601197:101,601152-842376-601276:102,824328-839944-960776:103,824328-839944-601223:10"
        "4"
    ),
    "region": "US",
    "sales_flag": 4,
    "total_digg_cnt": 0,
    "total_digg_history_cnt": 9415852,
    "total_followers_cnt": 0,
    "total_followers_history_cnt": 46652,
    "total_live_cnt": 0,
    "total_live_history_cnt": 0,
    "total_post_video_cnt": 0,
    "total_post_video_history_cnt": 1716,
    "total_product_cnt": 0,
    "total_product_history_cnt": 228,
    "total_sale_cnt": 7752,
    "total_sale_gmv_amt": 73446,
    "total_sale_gmv_history_amt": 583910,
    "total_sale_history_cnt": 45720,
    "unique_id": "iamjuliocr",
    "user_id": "6633792625097490438",
}

LIVESTREAM: Final[Row] = {
    "cover_url": (
        "https://echosell-images.tos-ap-southeast-1.volces.com/live-cover/36/732150977191041719"
        "4.jpeg"
    ),
    "create_time": 1704672004,
    "duration": 18009,
    "finish_time": 1704690013,
    "nick_name": "POP MART US SHOP",
    "region": "US",
    "room_id": "7321509771910417194",
    "title": "NEW FREEBIES!!!",
    "total_comments_cnt": 0,
    "total_digg_cnt": 0,
    "total_followers_cnt": 6,
    "total_joins_cnt": 7506,
    "total_product_cnt": 97,
    "total_sale_cnt": 121,
    "total_sale_gmv_amt": 2627.73,
    "total_views_cnt": 9335,
    "user_id": "7288986759428588590",
}

VIDEO_PRODUCT: Final[Row] = {
    "create_time": "1751301603",
    "data_size": "6728409",
    "duration": 164,
    "hash_tag": "#SmallBusiness #startup #proteinsnacks ",
    "height": "1024",
    "play_addr": (
        "https://v19.tiktokcdn-us.com/f5db72cd55e7002f5920822ad800cb72/6901d1d5/video/tos/useas"
        "t5/tos-useast5-ve-0068c003-tx/oYBvGxWaA9PvzG5yBvIHrggdyEbUixTQ4iEKi/?a=1233&bti=MzU8OG"
        "YpNHYpNzo5ZjEuLjpkLTptNDQwOg%3D%3D&ch=0&cr=13&dr=0&er=0&lr=all&net=0&cd=0%7C0%7C0%7C&c"
        "v=1&br=1558&bt=779&cs=0&ds=6&ft=WgSBMNdkVcy5Uxl7KStG-XD5SdHKLKPXt2.NheoyqF_4&mime_type"
        "=video_mp4&qs=0&rc=OWY5NDxlPDk5Omg3PDc6OEBpanV1Zms5cm1lNDMzZzczNEAtYi9eMTUyNWIxYzFhMS8"
        "yYSNwMV5tMmRrb2VhLS1kMS9zcw%3D%3D&vvpl=1&l=202510290232494D556438CDB21218AE73&btag=e00"
        "090000"
    ),
    "product_id": "1729422228922143703",
    "ratio": "540p",
    "reflow_cover": (
        "https://echosell-images.tos-ap-southeast-1.volces.com/video-cover/836/7521783049722285"
        "367.jpeg"
    ),
    "region": "US",
    "total_comments_cnt": 3926,
    "total_digg_cnt": 920727,
    "total_favorites_cnt": 51447,
    "total_shares_cnt": 6213,
    "total_video_sale_cnt": 4479,
    "total_video_sale_gmv_amt": 133621.6,
    "total_views_cnt": 33635675,
    "user_id": "7190508362273735722",
    "video_desc": "he made our entire week FR 🥹 #SmallBusiness #startup #proteinsnacks ",
    "video_id": "7521783049722285367",
    "width": "576",
}
